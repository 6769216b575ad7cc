"""What the dense head says of a picture at a glance: its level, and every type, whether it would be named or not."""

from __future__ import annotations

from math import exp, log
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
"""Share of the untilted score that is what cells see. Chosen on those photographs, as is that half of the lighter
penalties counts: one scene growing worse is ranked the better the more cells have to say, pictures of many scenes the
less."""
_LEAST = 1e-3
_RANKS = np.arange(1, len(Level) + 1)
_SEVERITIES = list(Severity)
_TYPE_WEIGHTS = np.array(list(TYPE_WEIGHTS.values()))
_SEVERITY_WEIGHTS = np.array(list(SEVERITY_WEIGHTS.values()))


class Glance(NamedTuple):
    """levels: probabilities of the five quality levels, worst to best, whose mean is the score. types: of each type
    the finding it would be, by the surest cell; its confidence: the probability that the picture has the type.
    """

    levels: tuple[float, ...]
    types: tuple[Finding, ...]


def glance(
    presence: Array, severity: Array, box: Array, level: Array, types: Array, tilt: Array | float
) -> Glance:
    """The glance at one picture of N cells.

    Args:
        presence: (N, T), severity: (N, T, 3), level: (5,), types: (T,), all logits. box: (N, T, 4) xyxy in shares.
        tilt: what is added to the log-odds of the score.
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
    score = tilted(untilted_score(presence, severity, level), float(tilt))
    return Glance(_levels_around(score), tuple(found))


def untilted_score(presence: Array, severity: Array, level: Array) -> float:
    """A score on 1..5: a quarter by the level head, the rest by what the cells see; arguments as of `glance`.

    The head has learnt levels and is the better judge of one picture beside another; but it has seen few pictures of
    one scene growing worse. What cells see adds up: the more of them see more, the lower the score.
    """
    by_head = float(_softmax(level) @ _RANKS)
    return (1 - BY_CELLS) * by_head + BY_CELLS * _by_what_is_seen(presence, severity)


def log_odds(score: float) -> float:
    """A score on 1..5 on the scale on which tilts add up; the ends of the scale are as far off as a thousandth."""
    share = min(max((score - 1) / 4, _LEAST), 1 - _LEAST)
    return log(share / (1 - share))


def tilted(score: float, tilt: float) -> float:
    """The score whose log-odds are those of this one and the tilt."""
    return 1 + 4 / (1 + exp(-log_odds(score) - tilt)) if tilt else score


def _levels_around(score: float) -> tuple[float, ...]:
    """(5,) probabilities of the two levels beside a score, whose mean it is."""
    return tuple(np.clip(1 - np.abs(_RANKS - score), 0, None).tolist())


def _by_what_is_seen(presence: Array, severity: Array) -> float:
    """The score that the opinion model of the training data gives to what is seen.

    The penalty of a type is type weight x expected severity x root of the share of the picture that has it. The
    heaviest counts whole and the others half: as one distortion grows, cells suspect less of all others, which would
    make the picture better.
    """
    seen = _sigmoid(presence)
    how = (seen[..., None] * _softmax(severity)).sum(0) / seen.sum(0)[:, None]
    penalties = _TYPE_WEIGHTS * (how @ _SEVERITY_WEIGHTS) * np.sqrt(seen.mean(0))
    return mean_opinion_score([(penalties.max() + penalties.sum()) / 2], SEEN_TOLERANCE)


def _sigmoid(x: Array) -> Double:
    return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))


def _softmax(x: Array) -> Double:
    shares = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))
