"""What the dense head says of a picture at a glance: its level, and every type, whether it would be named or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Finding
from finesight.schema.opinion import SEVERITY_WEIGHTS, TYPE_WEIGHTS, mean_opinion_score
from finesight.schema.taxonomy import DistortionType, Level, Severity

Array = NDArray[np.float32]
Double = NDArray[np.float64]

SEEN_TOLERANCE = 1.64
"""`opinion.TOLERANCE` for what cells see: less, as of what they see but the heaviest counts whole.

Chosen so that the score has no bias on pictures of photographs that neither training nor test has
(`finesight data photos`)."""
BY_CELLS = 0.75
"""Share of the score that is what cells see. Chosen on those photographs, as is that half of the lighter penalties
counts: one scene growing worse is ranked the better the more cells have to say, pictures of many scenes the less.
"""
_SEVERITIES = list(Severity)
_TYPE_WEIGHTS = np.array(list(TYPE_WEIGHTS.values()))
_SEVERITY_WEIGHTS = np.array(list(SEVERITY_WEIGHTS.values()))


class Glance(NamedTuple):
    """levels: probabilities of the five quality levels, worst to best, see `_graded`. types: of each type the finding
    it would be, by the cell that is surest of it, with the probability that the picture has it as confidence.
    """

    levels: tuple[float, ...]
    types: tuple[Finding, ...]


def glance(presence: Array, severity: Array, box: Array, level: Array, types: Array) -> Glance:
    """The glance at one picture of N cells.

    Args:
        presence: (N, T), severity: (N, T, 3), level: (5,), types: (T,), all logits. box: (N, T, 4) xyxy in shares.
    """
    surest = presence.argmax(0)
    sure = _sigmoid(types)
    found = [
        Finding(
            type=kind,
            severity=_SEVERITIES[int(severity[cell, number].argmax())],
            box=Box.of(*np.round(box[cell, number] * SCALE).astype(int).tolist()),
            confidence=float(sure[number]),
        )
        for number, (kind, cell) in enumerate(zip(DistortionType, surest, strict=True))
    ]
    return Glance(tuple(_graded(presence, severity, level).tolist()), tuple(found))


def _graded(presence: Array, severity: Array, level: Array) -> Double:
    """(5,) probabilities of the levels, a quarter by the level head, the rest by what the cells see.

    The head has learnt levels and is the better judge of one picture beside another; but it has seen few pictures of
    one scene growing worse. What cells see adds up: the more of them see more, the lower the score.
    """
    return (1 - BY_CELLS) * _softmax(level) + BY_CELLS * _by_what_is_seen(presence, severity)


def _by_what_is_seen(presence: Array, severity: Array) -> Double:
    """(5,) probabilities whose mean is the score that the opinion model of the training data gives to what is seen.

    The penalty of a type is type weight x expected severity x root of the share of the picture that has it. The
    heaviest counts whole and the others half: as one distortion grows, cells suspect less of all others, which would
    make the picture better.
    """
    seen = _sigmoid(presence)
    how = (seen[..., None] * _softmax(severity)).sum(0) / seen.sum(0)[:, None]
    penalties = _TYPE_WEIGHTS * (how @ _SEVERITY_WEIGHTS) * np.sqrt(seen.mean(0))
    score = mean_opinion_score([(penalties.max() + penalties.sum()) / 2], SEEN_TOLERANCE)
    return np.asarray(np.clip(1 - np.abs(np.arange(1, len(Level) + 1) - score), 0, None))


def _sigmoid(x: Array) -> Double:
    return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))


def _softmax(x: Array) -> Double:
    shares = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))
