"""A video's timeline as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.video import ShotAnalysis, Timeline, Video, VideoFinding
from finesight.ui.terminal import plain

UNKNOWN = "unknown: no frame has a diagnosis"


def timeline_block(timeline: Timeline) -> RenderableType:
    """What the file is, a row a shot, what holds for the whole, and the scores in a line."""
    return Group(
        Text(f"{plain(timeline.video.path)}: {described(timeline.video)}"),
        _shots(timeline.shots),
        Text(f"whole video  {_findings(timeline.findings) if diagnosed(timeline) else UNKNOWN}"),
        Text(
            f"score {_number(timeline.score)} of 5; 5th percentile {_number(timeline.low)}; "
            f"worst shot {_number(timeline.worst)}"
        ),
    )


def described(video: Video) -> str:
    """A file in a line: size, rate, length, codec, and whatever is out of the ordinary."""
    colour = video.colour
    odd = (
        (video.variable_rate, "variable rate"),
        (video.interlaced, "interlaced"),
        (video.sar != 1, f"pixels {video.sar:.3f} wide"),
        (video.rotation, f"turned {video.rotation}°"),
        (video.hdr or colour.transfer in ("smpte2084", "arib-std-b67"), f"HDR {colour.transfer}"),
    )
    tags = f"{colour.primaries}/{colour.transfer}/{colour.matrix}/{colour.range}"
    assumed = f" (assumed: {', '.join(colour.assumed)})" if colour.assumed else ""
    parts = [
        f"{video.width} × {video.height}",
        f"{video.rate:.3f}".rstrip("0").rstrip(".") + " fps",
        clock(video.duration),
        f"{video.codec} {video.pixel_format}",
        *(said for holds, said in odd if holds),
        tags + assumed,
    ]
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss.cc, hours only where there are some."""
    hundredths = round(seconds * 100)
    hours, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6000)
    whole, parts = divmod(rest, 100)
    return f"{hours}:{minutes:02}:{whole:02}.{parts:02}" if hours else f"{minutes}:{whole:02}.{parts:02}"


def _shots(shots: Sequence[ShotAnalysis]) -> Table:
    table = Table(box=SIMPLE, show_edge=False)
    for column in ("shot", "from", "to", "frames", "score"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what is wrong")
    for one in shots:
        table.add_row(
            str(one.shot.index),
            clock(one.shot.start),
            clock(one.shot.end),
            f"{sum(f.diagnosis is not None for f in one.frames)}/{one.shot.frames}",
            _number(one.score),
            _said(one),
        )
    return table


def diagnosed(timeline: Timeline) -> int:
    """Frames that have a diagnosis."""
    return sum(frame.diagnosis is not None for one in timeline.shots for frame in one.frames)


def _said(one: ShotAnalysis) -> str:
    if not one.frames:
        return "not looked at"
    return _findings(one.findings) if any(frame.diagnosis for frame in one.frames) else UNKNOWN


def _findings(findings: Sequence[VideoFinding]) -> str:
    """The findings in words, the key one first, then the worst."""
    ordered = sorted(findings, key=lambda f: (not f.key, -f.severity.rank, -f.share))
    said = (f"{f.severity} {f.type.lower()} {f.share:.0%}{' KEY' if f.key else ''}" for f in ordered)
    return ", ".join(said) or "nothing"


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"
