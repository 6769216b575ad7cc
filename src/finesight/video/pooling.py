"""From frames to shots and from shots to the video: pure functions of what was seen.

A frame stands for the time up to half way to its neighbours in its shot. Frames without a diagnosis count for
nothing, neither for a type nor against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from statistics import fmean
from typing import NamedTuple

from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import SampledFrame, Shot, ShotAnalysis, VideoFinding
from finesight.video.signals import summary

LOW_SHARE = 0.05
_SEVERITIES = list(Severity)
_ORDER = {type_: i for i, type_ in enumerate(DistortionType)}
_PLACES = 6


class Whole(NamedTuple):
    """What holds for a video: findings, and the scores as `Timeline` has them."""

    findings: tuple[VideoFinding, ...]
    score: float | None
    low: float | None
    worst: float | None


def frame_score(diagnosis: Diagnosis | None, expected: float | None) -> float | None:
    """The expected score if the model gives one, else the rank of the level, 1 bad .. 5 excellent; None without."""
    if expected is not None:
        return min(5.0, max(1.0, expected))
    return float(diagnosis.level.rank) if diagnosis and diagnosis.level else None


def percentile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The least value that at least `share` of the weight does not exceed; a value that occurs, never one between."""
    pairs = sorted(zip(values, weights, strict=True))
    goal = share * sum(weights) * (1 - 1e-9)
    reached = 0.0
    for value, weight in pairs:
        reached += weight
        if reached >= goal and weight > 0:
            return value
    return pairs[-1][0]


def cells(shot: Shot, times: Sequence[float]) -> list[tuple[float, float]]:
    """The stretch of a shot that each of its ascending times stands for; together they are the shot."""
    if not times:
        return []
    between = [(a + b) / 2 for a, b in pairwise(times)]
    edges = [shot.start, *between, shot.end]
    return list(pairwise(edges))


def pool_shot(
    shot: Shot,
    frames: Sequence[SampledFrame],
    present: float,
    share: float,
    signals: dict[str, float] | None = None,
) -> ShotAnalysis:
    """A shot with what its frames have in common.

    Args:
        present: a type is in when at least this share of the frames with a diagnosis shows it.
        share: the percentile at which a type's severity is taken, over the frames that show it.
        signals: what is known of all frames of the shot; medians of the sampled frames' statistics go beside it.
    """
    ordered = tuple(sorted(frames, key=lambda frame: frame.time))
    seen = [frame for frame in ordered if frame.diagnosis is not None]
    spans = cells(shot, [frame.time for frame in seen])
    found = []
    for type_ in DistortionType:
        showing = [i for i, frame in enumerate(seen) if _of_type(frame, type_)]
        if showing and len(showing) >= present * len(seen) - 1e-9:
            found.append(_pooled(shot, type_, [seen[i] for i in showing], len(seen), share))
            found[-1] = found[-1].model_copy(
                update={"start": spans[showing[0]][0], "end": spans[showing[-1]][1]}
            )
    return ShotAnalysis(
        shot=shot,
        frames=ordered,
        findings=_with_key(found, seen),
        score=_mean([(frame.score, end - begin) for frame, (begin, end) in zip(seen, spans, strict=True)]),
        signals=summary(frame.signals for frame in ordered if frame.signals) | (signals or {}),
    )


def pool_video(shots: Sequence[ShotAnalysis], share: float) -> Whole:
    """What holds for a video of these shots.

    A type is in when any shot has it, with the share of the video's time that shows it; a film is not better for its
    flaws being in different shots. Its severity is the percentile `share` over the time of the shots that have it.
    """
    total = sum(_length(one) for one in shots)
    found = []
    for type_ in DistortionType:
        having = [(one, f) for one in shots for f in one.findings if f.type is type_]
        if having:
            found.append(_over_shots(type_, having, total, share))
    weighted = [pair for one in shots for pair in _weighted_scores(one)]
    scores = [one.score for one in shots if one.score is not None]
    return Whole(
        _key_of_video(found, shots),
        _mean([(one.score, _length(one)) for one in shots]),
        percentile([s for s, _ in weighted], [w for _, w in weighted], LOW_SHARE) if weighted else None,
        min(scores) if scores else None,
    )


def _of_type(frame: SampledFrame, type_: DistortionType) -> list[Finding]:
    return [f for f in frame.diagnosis.findings if f.type is type_] if frame.diagnosis else []


def _weight(finding: Finding) -> tuple[int, bool, float]:
    """By which the worst of several findings of a type is chosen."""
    return finding.severity.rank, finding.key, finding.box.area


def _pooled(
    shot: Shot, type_: DistortionType, showing: Sequence[SampledFrame], seen: int, share: float
) -> VideoFinding:
    worst = [max(_of_type(frame, type_), key=_weight) for frame in showing]
    ranks = sorted(finding.severity.rank for finding in worst)
    sure = [finding.confidence for finding in worst if finding.confidence is not None]
    return VideoFinding(
        id=f"s{shot.index}-{_slug(type_)}",
        type=type_,
        severity=_SEVERITIES[ranks[ceil(share * len(ranks) - 1e-9) - 1] - 1],
        share=round(len(showing) / seen, _PLACES),
        box=max(worst, key=_weight).box,
        confidence=round(fmean(sure), _PLACES) if sure else None,
        start=shot.start,
        end=shot.end,
    )


def _with_key(found: Sequence[VideoFinding], seen: Sequence[SampledFrame]) -> tuple[VideoFinding, ...]:
    """The findings of a shot, one of them key: the one that most frames call so, else the worst."""

    def votes(finding: VideoFinding) -> int:
        return sum(any(f.key for f in _of_type(frame, finding.type)) for frame in seen)

    if not found:
        return ()
    key = max(found, key=lambda f: (votes(f), f.severity.rank, f.share, -_ORDER[f.type]))
    return tuple(f.model_copy(update={"key": f is key}) for f in found)


def _over_shots(
    type_: DistortionType, having: Sequence[tuple[ShotAnalysis, VideoFinding]], total: float, share: float
) -> VideoFinding:
    weights = [_length(one) for one, _ in having]
    ranks = [float(finding.severity.rank) for _, finding in having]
    shown = sum(weight * finding.share for weight, (_, finding) in zip(weights, having, strict=True))
    sure = [finding.confidence for _, finding in having if finding.confidence is not None]
    worst = max((f for _, f in having), key=lambda f: (f.severity.rank, f.key, f.share, f.box.area))
    return VideoFinding(
        id=f"v-{_slug(type_)}",
        type=type_,
        severity=_SEVERITIES[int(percentile(ranks, weights, share)) - 1],
        share=round(min(1.0, shown / total), _PLACES),
        box=worst.box,
        confidence=round(fmean(sure), _PLACES) if sure else None,
        start=min(f.start for _, f in having),
        end=max(f.end for _, f in having),
    )


def _key_of_video(found: Sequence[VideoFinding], shots: Sequence[ShotAnalysis]) -> tuple[VideoFinding, ...]:
    """The findings of a video, one of them key: the type that is key for the longest time, weighted by severity."""

    def reign(finding: VideoFinding) -> float:
        keys = ((one, f) for one in shots for f in one.findings if f.key and f.type is finding.type)
        return sum(_length(one) * f.severity.rank for one, f in keys)

    if not found:
        return ()
    key = max(found, key=lambda f: (reign(f), f.severity.rank, f.share, -_ORDER[f.type]))
    return tuple(f.model_copy(update={"key": f is key}) for f in found)


def _weighted_scores(one: ShotAnalysis) -> list[tuple[float, float]]:
    seen = [frame for frame in one.frames if frame.diagnosis is not None]
    spans = cells(one.shot, [frame.time for frame in seen])
    pairs = zip(seen, spans, strict=True)
    return [(f.score, max(end - begin, 1e-9)) for f, (begin, end) in pairs if f.score is not None]


def _mean(pairs: Sequence[tuple[float | None, float]]) -> float | None:
    """The weighted mean of the values that are known, None where none is."""
    known = [(value, max(weight, 1e-9)) for value, weight in pairs if value is not None]
    whole = sum(weight for _, weight in known)
    if not known:
        return None
    mean = sum(value * weight for value, weight in known) / whole
    return round(min(5.0, max(1.0, mean)), _PLACES)


def _length(one: ShotAnalysis) -> float:
    """Seconds; never quite 0, that a video of one frame has a share of something."""
    return max(one.shot.end - one.shot.start, 1e-9)


def _slug(type_: DistortionType) -> str:
    return type_.value.lower().replace(" ", "-")
