"""How far what was said agrees with what is true: the parts of every reward, each in [0, 1].

Findings are paired one to one so that the pairs are worth as much as possible together, and what they are worth
is set against the number of findings on both sides, as F1 does. So a finding more never helps unless it finds
something, and a better one never harms. Where there is nothing to find, saying nothing earns 1 and anything else 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding, Mention
from finesight.schema.taxonomy import Level, Severity
from finesight.scoring.matching import IOU, best_match, iou_matrix, optimal_match
from finesight.scoring.rewards.settings import RewardSettings

Matrix = NDArray[np.float64]

_STEPS = {severity: step for step, severity in enumerate(Severity)}
_FARTHEST = len(_STEPS) - 1


class Found(NamedTuple):
    """What findings are worth; `boxes` as if all severities were right, `severity` as if nothing else counted."""

    worth: float
    boxes: float
    severity: float


def found(
    said: Sequence[Finding], true: Sequence[Finding], settings: RewardSettings, again: int = 0
) -> Found:
    """F1 x IoU of the boxes of each type, with a share for their severities.

    A pair is worth (1 - `hit`) x IoU, and `hit` more from IoU .5 on; the share `severity` of that is earned only as
    far as its severity is right.

    Args:
        again: how many boxes were said that had been said before; they find nothing, but they were said.
    """
    if not said or not true:
        return Found(*[float(not said and not true)] * 3)
    place = _place(_typed(said, true), settings.hit)
    graded = place * _severities(said, true)
    worth = place + settings.severity * (graded - place)
    pairs = best_match(worth)
    return Found(*(_dice(part, pairs, again) for part in (worth, place, graded)))


def referred(said: Sequence[Box], true: Sequence[Box], again: int = 0) -> float:
    """F1 x IoU of boxes without a type; `again` as in `found`."""
    if not said or not true:
        return float(not said and not true)
    overlap = _overlap(said, true)
    return _dice(overlap, best_match(overlap), again)


def named(
    said: Sequence[Mention], true: Sequence[Mention], settings: RewardSettings, again: int = 0
) -> float:
    """F1 of names; `again` as in `found`.

    A pair of one type is worth 1, but the share `named_severity` of it is earned only as far as its severity is
    right.
    """
    if not said or not true:
        return float(not said and not true)
    worth = _same_type(said, true) * (1 + settings.named_severity * (_severities(said, true) - 1))
    return _dice(worth, best_match(worth), again)


def keys(said: Sequence[Finding], true: Sequence[Finding]) -> float:
    """F1 of the key distortions: one to one, of the same type and with IoU above .5, as in the indicator."""
    if not said or not true:
        return float(not said and not true)
    pairs = optimal_match(_typed(said, true), np.nextafter(IOU, 1))
    return 2 * len(pairs) / (len(said) + len(true))


def graded_level(said: Level | None, true: Level | None, reach: int) -> float:
    """1 for the true level, less with every step away from it, 0 from `reach` steps on."""
    if said is None or true is None:
        return float(said is true)
    return max(0.0, 1 - abs(said.rank - true.rank) / reach)


def _overlap(said: Sequence[Box], true: Sequence[Box]) -> Matrix:
    """IoU of each pair, (said, true), but 1 for equal boxes even where they have no area."""
    overlap = iou_matrix(said, true)
    overlap[np.array([[p.xyxy == t.xyxy for t in true] for p in said])] = 1
    return overlap


def _typed(said: Sequence[Finding], true: Sequence[Finding]) -> Matrix:
    """The overlap of each pair of one type, 0 for two types; (said, true)."""
    return _overlap([p.box for p in said], [t.box for t in true]) * _same_type(said, true)


def _same_type(said: Sequence[Finding | Mention], true: Sequence[Finding | Mention]) -> Matrix:
    return np.array([[p.type is t.type for t in true] for p in said], dtype=float)


def _place(overlap: Matrix, hit: float) -> Matrix:
    """What each pair is worth for where it is; exactly 1 at IoU 1."""
    return overlap + hit * ((overlap >= IOU) - overlap)


def _severities(said: Sequence[Finding | Mention], true: Sequence[Finding | Mention]) -> Matrix:
    """1 for the same severity, 1/2 for the next one, 0 for minor against severe; (said, true)."""
    ours = np.array([_STEPS[p.severity] for p in said], dtype=float)
    theirs = np.array([_STEPS[t.severity] for t in true], dtype=float)
    graded: Matrix = 1 - np.abs(ours[:, None] - theirs) / _FARTHEST
    return graded


def _dice(worth: Matrix, pairs: Sequence[tuple[int, int]], again: int) -> float:
    """2 x the worth of the pairs by all that was said and is true, the same in whatever order they are."""
    return 2 * fsum(worth[pair] for pair in pairs) / (sum(worth.shape) + again)
