"""Cells that agree as votes for a distortion: plain numbers in and out, whatever has made them.

Each cell votes for a box of each type it believes in, where the picture as a whole has that type. Votes of one
type that overlap are one distortion. Its box is half their mean and half the extent in which cells see it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.model.nano.extent import Grid, extent
from finesight.schema.taxonomy import DistortionType

Array = NDArray[np.float32]

SLOTS = 12
THERE = {
    DistortionType.LOW_CLARITY: 0.4,
    DistortionType.MOTION_BLUR: 0.6,
    DistortionType.OUT_OF_FOCUS_BLUR: 0.4,
    DistortionType.BLOCKING_ARTIFACTS: 0.7,
    DistortionType.EDGE_ALIASING_EFFECT: 0.55,
    DistortionType.EDGE_RINGING_EFFECT: 0.6,
    DistortionType.OVEREXPOSURE: 0.65,
    DistortionType.UNDEREXPOSURE: 0.45,
    DistortionType.MEANINGLESS_SOLID_COLOR: 0.65,
    DistortionType.NOISE: 0.6,
}
"""A picture has a type from this probability on.

Chosen on pictures of photographs that neither training nor test has (`finesight data photos`), by the F1 of each
type: raised where that is better, never lowered again, as it hardly counts what clean photographs are accused of."""
BELIEVED = 0.7
"""A cell votes for a type from this probability on."""
SAME = 0.1
"""Votes whose boxes overlap by this IoU are for the same distortion: two of one type in a picture lie apart."""
SUPPORT = 0.3
"""A proposal needs votes worth this share of the cells in its box.

Chosen on training pictures, by the box F1 of the proposals."""
_THERE = np.array([THERE[kind] for kind in DistortionType], np.float32)


class Vote(NamedTuple):
    """A proposal as the weights (N,) of the cells that made it, summing to 1; mean: (4,) of the boxes that these vote
    for; extent: (4,), see `extent`.
    """

    kind: int
    weights: Array
    mean: Array
    extent: Array
    strength: float

    @property
    def corner(self) -> tuple[float, float]:
        """Where its box begins, (y1, x1)."""
        x1, y1 = ((self.mean + self.extent) / 2)[:2].tolist()
        return y1, x1


def votes_of(presence: Array, boxes: Array, types: Array, grid: Grid) -> list[Vote]:
    """The proposals of one picture, at most SLOTS, by type and then in reading order.

    A type that is in the picture has one proposal at least: that of its surest cell, where the votes are too weak.

    Args:
        presence: (N, T) probabilities, in rows. boxes: (N, T, 4) shares of the picture.
        types: (T,) probabilities that the picture has a type. grid: (h, w) with h w = N.
    """
    kinds = (int(kind) for kind in np.flatnonzero(types >= _THERE))
    found = [vote for kind in kinds for vote in _of_type(kind, presence[:, kind], boxes[:, kind], grid)]
    strongest = sorted(found, key=lambda vote: -vote.strength)[:SLOTS]
    return sorted(strongest, key=lambda vote: (vote.kind, vote.corner))


def laid_out(votes: list[Vote], cells: int, kinds: int) -> tuple[Array, Array, Array]:
    """Votes as arrays, zero in empty slots and cells of padding: weights (SLOTS, T, cells), one-hot types (SLOTS, T),
    extents (SLOTS, 4).
    """
    weights, hot = np.zeros((SLOTS, kinds, cells), np.float32), np.zeros((SLOTS, kinds), np.float32)
    extents = np.zeros((SLOTS, 4), np.float32)
    for slot, vote in enumerate(votes):
        weights[slot, vote.kind, : len(vote.weights)] = vote.weights
        hot[slot, vote.kind], extents[slot] = 1.0, vote.extent
    return weights, hot, extents


def _of_type(kind: int, presence: Array, boxes: Array, grid: Grid) -> list[Vote]:
    """Greedy grouping: the strongest vote takes those that agree with it, then the next that is left."""
    left = np.where(presence >= BELIEVED, presence, 0.0).astype(np.float32)
    found: list[Vote] = []
    cell_area = 1.0 / len(presence)
    for _ in range(SLOTS):
        if not left.any():
            break
        seed = int(left.argmax())
        overlap = _iou(boxes[seed], boxes)
        group = np.where(overlap >= SAME, left, 0.0)
        group[seed] = left[seed]
        mean = (group[:, None] * boxes).sum(0) / group.sum()
        area = max(float((mean[2] - mean[0]) * (mean[3] - mean[1])), cell_area)
        if group.sum() * cell_area >= SUPPORT * area:
            weights = (group / group.sum()).astype(np.float32)
            found.append(Vote(kind, weights, mean, extent(presence, mean, grid), float(group.sum())))
        left = np.where((overlap >= SAME) | (_iou(mean, boxes) >= SAME), 0.0, left)
        left[seed] = 0.0
    return found or [_surest(kind, presence, boxes, grid)]


def _surest(kind: int, presence: Array, boxes: Array, grid: Grid) -> Vote:
    cell = int(presence.argmax())
    weights = np.zeros_like(presence)
    weights[cell] = 1.0
    reach = extent(presence, boxes[cell], grid)
    return Vote(kind, weights, boxes[cell], reach, float(presence[cell]))


def _iou(one: Array, many: Array) -> Array:
    corner, opposite = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(opposite - corner, 0, None).prod(-1)
    areas = (many[:, 2:] - many[:, :2]).prod(-1)
    union = (one[2:] - one[:2]).prod() + areas - shared
    overlap: Array = shared / np.maximum(union, 1e-9)
    return overlap
