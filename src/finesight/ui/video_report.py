"""One self-contained HTML file for a run of the video chain: its timeline, and a card a shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from finesight.data.atomic import write_text
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Timeline, VideoFinding
from finesight.ui.film import Film, ShotCard, cards_of, read_film
from finesight.ui.page import render_page
from finesight.ui.palette import TYPE_COLOURS, ink_on
from finesight.ui.timeline import clock, described
from finesight.ui.words import name, sentence

SCORES = (1.0, 5.0)
SIDES_PX = ((24, 1920), (80, 1280), (10_000, 720))
"""Up to so many shots pictures are embedded at this long side, so that a page stays below some 30 MB."""


class Span(NamedTuple):
    """A shot in a row of the timeline: where, in percent of its length; strength: 0..1; look: how it is drawn."""

    shot: int
    left: float
    width: float
    strength: float
    tip: str
    look: str = ""


class Lane(NamedTuple):
    """A row of the timeline. colour: of its spans, where they have one in common."""

    title: str
    colour: str
    spans: tuple[Span, ...]


def write_video_report(
    run: Path, path: Path, watch: Callable[[int, int], object] = lambda done, of: None
) -> int:
    """Write the page of a run folder; returns how many shots it shows.

    Raises:
        InputError: no analysis there, or files that cannot be read.
    """
    film = read_film(run)
    side = next(side for most, side in SIDES_PX if len(film.timeline.shots) <= most)
    cards = cards_of(film, side, watch)
    write_text(path, _render(film, cards))
    return len(cards)


def _render(film: Film, cards: list[ShotCard]) -> str:
    timeline = film.timeline
    return render_page(
        "video_report",
        title=f"finesight: {Path(timeline.video.path).name}",
        film=film,
        cards=cards,
        about=described(timeline.video),
        clock=clock,
        lanes=lanes(timeline, cards),
        cuts=[_percent(one.shot.start, timeline) for one in timeline.shots[1:]],
        curves=[curve for curve in curves(timeline, cards) if curve[1]],
        types=[(t, TYPE_COLOURS[t], ink_on(TYPE_COLOURS[t])) for t in DistortionType],
        type_index={t: index for index, t in enumerate(DistortionType)},
        name=partial(name, lang="en"),
        sentence=partial(sentence, lang="en"),
        outcomes=_counted(card.outcome for card in cards),
    )


def lanes(timeline: Timeline, cards: Sequence[ShotCard]) -> list[Lane]:
    """A row for every type that was found, its severity as strength, and one of what became of every shot."""
    found = [
        Lane(str(kind), TYPE_COLOURS[kind], tuple(_spans(timeline, kind)))
        for kind in DistortionType
        if any(f.type is kind for one in timeline.shots for f in one.findings)
    ]
    decided = [
        Span(
            card.shot.index,
            *_extent(card.shot.start, card.shot.end, timeline),
            1.0,
            f"shot {card.shot.index}: {card.outcome}",
            card.outcome.replace(" ", "-"),
        )
        for card in cards
    ]
    return [*found, Lane("decision", "", tuple(decided))]


def _spans(timeline: Timeline, kind: DistortionType) -> Iterator[Span]:
    for one in timeline.shots:
        worst = max((f for f in one.findings if f.type is kind), key=lambda f: f.severity.rank, default=None)
        if worst:
            yield Span(
                one.shot.index,
                *_extent(one.shot.start, one.shot.end, timeline),
                worst.severity.rank / len(Severity),
                f"shot {one.shot.index}: {_said(worst)}",
            )


def curves(timeline: Timeline, cards: Sequence[ShotCard]) -> list[tuple[str, str]]:
    """Name and SVG path, in percent of width and height, of the score of frames and of each measure of shots."""
    frames = [frame for one in timeline.shots for frame in one.frames if frame.score is not None]
    low, high = SCORES
    points = [(_percent(f.time, timeline), ((f.score or low) - low) / (high - low)) for f in frames]
    measures = sorted({measure for card in cards for measure in card.fidelity})
    steps = [
        (f"{measure} of shots, 0 .. 100", "".join(_step(card, measure, timeline) for card in cards))
        for measure in measures
    ]
    return [("score of frames, 1 .. 5", _line(points)), *steps]


def _line(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(
        f"{'L' if number else 'M'}{x:.3f} {100 * (1 - y):.2f}" for number, (x, y) in enumerate(points)
    )


def _step(card: ShotCard, measure: str, timeline: Timeline) -> str:
    value = card.fidelity.get(measure)
    if value is None:
        return ""
    left, width = _extent(card.shot.start, card.shot.end, timeline)
    return f"M{left:.3f} {100 - value:.2f} h{width:.3f} "


def _extent(start: float, end: float, timeline: Timeline) -> tuple[float, float]:
    left = _percent(start, timeline)
    return left, _percent(end, timeline) - left


def _percent(time: float, timeline: Timeline) -> float:
    whole = max((one.shot.end for one in timeline.shots), default=0.0) or 1.0
    return round(100 * min(1.0, time / whole), 4)


def _said(finding: VideoFinding) -> str:
    key = ", KEY" if finding.key else ""
    return f"{finding.severity} {finding.type.lower()} in {finding.share:.0%} of its frames{key}"


def _counted(words: Iterable[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])
