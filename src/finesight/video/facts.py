"""What rules may ask of a shot or a video, and whether it is so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from finesight.schema.taxonomy import Severity
from finesight.schema.video import ShotAnalysis, Timeline, Video, VideoFinding
from finesight.video.colour import HDR_TRANSFERS
from finesight.video.rules import Condition, Range

VIDEO: Mapping[str, Callable[[Video], float]] = {
    "width": lambda video: video.width,
    "height": lambda video: video.height,
    "short_side": lambda video: min(video.width, video.height),
    "bit_depth": lambda video: video.bit_depth,
    "rate": lambda video: video.rate,
    "duration": lambda video: video.duration,
    "interlaced": lambda video: float(video.interlaced),
    "variable_rate": lambda video: float(video.variable_rate),
    "hdr": lambda video: float(bool(video.hdr) or video.colour.transfer in HDR_TRANSFERS),
}
"""Properties of a video by name; what is so or not is 1 or 0."""

SHOT: Mapping[str, Callable[[ShotAnalysis], float | None]] = {
    "seconds": lambda shot: shot.shot.end - shot.shot.start,
    "frames": lambda shot: shot.shot.frames,
    "score": lambda shot: shot.score,
}
"""Properties of a shot by name."""


class Facts(NamedTuple):
    """What is known of a shot (or of a whole video) by the names that rules use."""

    findings: Sequence[VideoFinding]
    signals: Mapping[str, float]
    video: Mapping[str, float]
    shot: Mapping[str, float] = {}


class Answer(NamedTuple):
    """Whether a condition holds; concerned: there is a finding it is about; severity: of the worst it holds for."""

    holds: bool
    concerned: bool
    findings: tuple[VideoFinding, ...] = ()
    severity: Severity | None = None
    why_not: str = ""


def of_shot(shot: ShotAnalysis, video: Video) -> Facts:
    """The facts of one shot."""
    known = {name: value for name, of in SHOT.items() if (value := of(shot)) is not None}
    return Facts(shot.findings, shot.signals, _of(video), known)


def of_video(timeline: Timeline) -> Facts:
    """The facts of all shots together: a signal is its mean over the frames of the shots that have it."""
    names = {name for shot in timeline.shots for name in shot.signals}
    means = {}
    for name in names:
        having = [shot for shot in timeline.shots if name in shot.signals]
        frames = sum(shot.shot.frames for shot in having)
        means[name] = sum(shot.signals[name] * shot.shot.frames for shot in having) / frames
    return Facts(timeline.findings, means, _of(timeline.video))


def ask(condition: Condition, facts: Facts) -> Answer:
    """Whether a condition holds, for which findings, or what it would take."""
    about = [f for f in facts.findings if f.type in condition.types]
    if condition.types and not about:
        return Answer(False, False)
    meant = [f for f in about if not _short_of(condition, f)]
    concerned = bool(about)
    if condition.types and not meant:
        worst = max(about, key=lambda f: (f.severity.rank, f.share, f.box.area))
        return Answer(False, concerned, tuple(about), None, _short_of(condition, worst))
    why_not = next((said for said in _numbers(condition, facts) if said), "")
    severity = max((f.severity for f in meant), key=lambda s: s.rank, default=None)
    return Answer(not why_not, concerned, tuple(meant), severity, why_not)


def _of(video: Video) -> dict[str, float]:
    return {name: float(of(video)) for name, of in VIDEO.items()}


def _short_of(condition: Condition, finding: VideoFinding) -> str:
    """What a finding lacks; nothing where it has all that is asked for."""
    if finding.severity.rank < condition.severity.rank:
        return f"{finding.type} is {finding.severity}, asked for is {condition.severity}"
    if finding.share < condition.share:
        return f"{finding.type} is in {finding.share:.0%} of the frames, asked for are {condition.share:.0%}"
    if finding.box.area < condition.area:
        return (
            f"{finding.type} covers {finding.box.area:.0%} of the picture, asked for are {condition.area:.0%}"
        )
    if condition.key and not finding.key:
        return f"{finding.type} is not the KEY"
    return ""


def _numbers(condition: Condition, facts: Facts) -> list[str]:
    """What each number that is asked for is instead; nothing where it is as asked."""
    asked = (("signal", condition.signals, facts.signals), ("video's", condition.video, facts.video))
    return [
        _number(f"{kind} {name}", given, known.get(name))
        for kind, ranges, known in (*asked, ("shot's", condition.shot, facts.shot))
        for name, given in ranges.items()
    ]


def _number(name: str, asked: Range, value: float | None) -> str:
    if value is None:
        return f"{name} is not known"
    return "" if asked.holds(value) else f"{name} is {value:g}, asked for is {asked}"
