"""One self-contained HTML file for a batch: what was found in every picture, sortable, with boxes to toggle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from finesight.data.atomic import write_text
from finesight.schema.diagnosis import Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.fonts import subset_font
from finesight.ui.labels import Rect, Size, coincident, place_labels, to_rect
from finesight.ui.page import data_uri, picture_uri, render_page
from finesight.ui.palette import LEVEL_COLOURS, TYPE_COLOURS, ink_on
from finesight.ui.words import WORDS, Lang, name, say, sentence

_NOMINAL_WIDTH_PX = 420
"""Labels are placed for a picture shown this wide; they keep their size where it is shown wider."""
_MANY = 60
"""From so many cards on a browser lays out and decodes only those in sight."""
_LABEL_HEIGHT_PX, _DIGIT_PX, _KEY_PX = 20, 9, 40


@dataclass(frozen=True)
class Section:
    """An extra part of a report: a table, a picture (PNG bytes), or both, under a title."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    caption: str = ""
    picture: bytes | None = None


class _Tag(NamedTuple):
    """Where a label is: its left edge and its `edge` ("top" or "bottom") in percent of the picture."""

    left: float
    edge: str
    offset: float


@dataclass(frozen=True)
class _Mark:
    """One finding on its picture: box and label in percent of the picture, inset in pixels."""

    number: int
    finding: Finding
    left: float
    top: float
    width: float
    height: float
    inset: int
    label: _Tag | None
    tip: str


@dataclass(frozen=True)
class _Card:
    """What the page shows of one picture."""

    outcome: Outcome
    picture: str | None
    marks: tuple[_Mark, ...]


def picture_px(count: int) -> int:
    """The long side at which `count` pictures are embedded, so that a thousand stay near 50 MB."""
    return 1280 if count <= 20 else 960 if count <= 150 else 560


def write_report(
    path: Path,
    outcomes: Iterable[tuple[Outcome, Picture | None]],
    *,
    lang: Lang = "en",
    title: str = "",
    sections: Sequence[Section] = (),
    side_px: int = 960,
) -> None:
    """Write the page. Each picture is reduced as it comes and not kept.

    Args:
        outcomes: what came of each picture, and the picture where it is to be shown.
        lang: language of the interface; content sentences and answers stay as the model gave them.
        sections: tables and pictures to show above the list.
        side_px: the long side of embedded pictures at most, pixels (see `picture_px`).
    """
    cards: list[_Card] = []
    failures: list[Outcome] = []
    for outcome, picture in outcomes:
        if outcome.error is not None:
            failures.append(outcome)
        else:
            cards.append(_card(outcome, picture, lang, side_px))
    write_text(path, _render(cards, failures, lang, title or say("title", lang), sections))


def _render(
    cards: list[_Card], failures: list[Outcome], lang: Lang, title: str, sections: Sequence[Section]
) -> str:
    return render_page(
        "report",
        lang=lang,
        title=title,
        font=_font(cards) if lang == "zh" else None,
        many=len(cards) >= _MANY,
        say=partial(say, lang=lang),
        name=partial(name, lang=lang),
        types=[(t, TYPE_COLOURS[t], ink_on(TYPE_COLOURS[t])) for t in DistortionType],
        type_index={t: index for index, t in enumerate(DistortionType)},
        severities=list(Severity),
        level_colours=LEVEL_COLOURS,
        ink_on=ink_on,
        cards=cards,
        failures=failures,
        sections=[
            (section, section.picture and data_uri(section.picture, "image/png")) for section in sections
        ],
        summary=_summary([card.outcome for card in cards]),
    )


def _font(cards: list[_Card]) -> str:
    """The Chinese characters of the page as a font, for the machines of readers that have none."""
    own = [word for pair in WORDS.values() for word in pair]
    terms = [term.zh for vocabulary in (DistortionType, Severity, Level) for term in vocabulary]
    said = [card.outcome.diagnosis.content for card in cards if card.outcome.diagnosis]
    return data_uri(subset_font("zh", "".join(own + terms + said)), "font/otf")


def _summary(outcomes: list[Outcome]) -> dict[str, object]:
    """Counts over the pictures that were diagnosed."""
    diagnoses = [outcome.diagnosis for outcome in outcomes if outcome.diagnosis]
    scores = [outcome.score for outcome in outcomes if outcome.score is not None]
    levels = Counter(said.level for said in diagnoses if said.level)
    return {
        "types": Counter(finding.type for said in diagnoses for finding in said.findings),
        "severities": Counter(finding.severity for said in diagnoses for finding in said.findings),
        "levels": [(level, levels[level]) for level in reversed(Level)],
        "most": max(levels.values(), default=1),
        "mean_score": sum(scores) / len(scores) if scores else None,
        "models": sorted({outcome.model for outcome in outcomes if outcome.model}),
    }


def _card(outcome: Outcome, picture: Picture | None, lang: Lang, side_px: int) -> _Card:
    findings = outcome.diagnosis.findings if outcome.diagnosis else ()
    if picture is None:
        return _Card(outcome, None, ())
    height = max(1, round(_NOMINAL_WIDTH_PX * picture.height / picture.width))
    marks = _marks(findings, (_NOMINAL_WIDTH_PX, height), lang)
    return _Card(outcome, picture_uri(picture.rgb, side_px), marks)


def _marks(findings: tuple[Finding, ...], size: Size, lang: Lang) -> tuple[_Mark, ...]:
    """Large boxes first, so that small ones lie on top and can be pointed at."""
    boxes = [finding.box for finding in findings]
    rects = [to_rect(box, size) for box in boxes]
    sizes = [
        (_DIGIT_PX * (len(str(number)) + 1) + _KEY_PX * finding.key, _LABEL_HEIGHT_PX)
        for number, finding in enumerate(findings, 1)
    ]
    places = place_labels(rects, sizes, size)
    marks = [
        _Mark(
            number=index + 1,
            finding=finding,
            left=finding.box.x1 / 10,
            top=finding.box.y1 / 10,
            width=(finding.box.x2 - finding.box.x1) / 10,
            height=(finding.box.y2 - finding.box.y1) / 10,
            inset=5 * len(beneath),
            label=place and _tag(place, rects[index], size),
            tip=sentence(finding, lang),
        )
        for index, (finding, place, beneath) in enumerate(
            zip(findings, places, coincident(boxes), strict=True)
        )
    ]
    return tuple(sorted(marks, key=lambda mark: -mark.finding.box.area))


def _tag(place: Rect, rect: Rect, size: Size) -> _Tag:
    """A label that stands on its box is held by its foot, so that it stays there at any width."""
    left = round(100 * place[0] / size[0], 2)
    if place[3] == rect[1]:
        return _Tag(left, "bottom", round(100 - 100 * place[3] / size[1], 2))
    return _Tag(left, "top", round(100 * place[1] / size[1], 2))
