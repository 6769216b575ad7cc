"""Which predicted box stands for which true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType

IOU = 0.5
"""The overlap from which two boxes count as the same, as in Pascal VOC."""


class Located(Protocol):
    """Anything with a type and a box: Finding, Distortion, TypedBox."""

    @property
    def type(self) -> DistortionType: ...
    @property
    def box(self) -> Box: ...


def iou_matrix(first: Sequence[Box], second: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union, 0..1, of every box with every other, (len(first), len(second)).

    Continuous corners, no +1; 0 where both boxes are empty.
    """
    a = np.array([box.xyxy for box in first], dtype=np.int64).reshape(-1, 1, 4)
    b = np.array([box.xyxy for box in second], dtype=np.int64).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(min=0).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)
    return overlap


def optimal_match(overlap: NDArray[np.float64], threshold: float = IOU) -> list[tuple[int, int]]:
    """Pairs (row, column) of a one-to-one matching: as many as possible, of those the largest summed overlap.

    Args:
        overlap: (n, m) in 0..1; only pairs of `threshold` or more and above 0 are allowed.

    References:
        Kuhn, "The Hungarian method for the assignment problem", 1955 (scipy's linear_sum_assignment).
    """
    allowed = (overlap >= threshold) & (overlap > 0)
    # One pair more must outweigh any gain in overlap among the others, which stays below min(n, m).
    weight = np.where(allowed, overlap + min(overlap.shape, default=0), 0.0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]


def best_match(worth: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (row, column) of the one-to-one matching that is worth most in all; pairs worth nothing are left out.

    Unlike `optimal_match` it may forgo a pair for a better one: so its sum never falls where an entry grows.

    Args:
        worth: of each pair, (n, m), 0 or more.
    """
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0]


def match_typed(
    predicted: Sequence[Located], truth: Sequence[Located], threshold: float = IOU
) -> list[tuple[int, int]]:
    """Index pairs (predicted, truth) of the same type matched one to one; see `optimal_match`."""
    overlap = iou_matrix([p.box for p in predicted], [t.box for t in truth])
    kinds = list(DistortionType)
    rows = np.array([kinds.index(p.type) for p in predicted], dtype=np.int64).reshape(-1, 1)
    columns = np.array([kinds.index(t.type) for t in truth], dtype=np.int64).reshape(1, -1)
    # -1 keeps a pair of two types out whatever the threshold.
    return optimal_match(np.where(rows == columns, overlap, -1.0), threshold)
