"""How far a distortion reaches by where it is seen: plain numbers in and out, whatever has made them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Grid = tuple[int, int]

PRESENCE_WEIGHT = 3.0
"""How much more a distorted cell counts in training than a clean one, which are ten times as many for most types.
What a cell says of a type is overstated by it."""
AROUND = 0.05
"""Cells up to this share of the picture outside a box may be added to it; what is seen further off is another."""
_ROUNDS = 2


def extent(presence: Array, box: Array, grid: Grid) -> Array:
    """The whole cells around a box that overlap best with where a type is seen: (4,) xyxy in shares of the picture.

    Best: the soft intersection over union, presence inside over cells inside plus presence outside. Rows and columns
    are chosen by turns, each exactly.

    Args:
        presence: (h * w,) probabilities of the type, in rows, trained with PRESENCE_WEIGHT. box: (4,) likewise xyxy.
        grid: (h, w).
    """
    h, w = grid
    honest = presence / (presence + PRESENCE_WEIGHT * (1 - presence) + 1e-9)
    seen = honest.reshape(h, w) * np.outer(_near(box[1::2], h), _near(box[::2], w))
    total = seen.sum()
    top = min(h - 1, int(box[1] * h + 0.5))
    rows = slice(top, max(top + 1, int(box[3] * h + 0.5)))
    for _ in range(_ROUNDS):
        columns = _best_span(seen[rows].sum(0), rows.stop - rows.start, total)
        rows = _best_span(seen[:, columns].sum(1), columns.stop - columns.start, total)
    return np.array([columns.start / w, rows.start / h, columns.stop / w, rows.stop / h], np.float32)


def _near(ends: Array, cells: int) -> NDArray[np.bool_]:
    """(cells,) which of the cells along a side reach into a span, or lie a little outside."""
    starts = np.arange(cells) / cells
    return np.asarray((starts + 1 / cells > ends[0] - AROUND) & (starts < ends[1] + AROUND))


def _best_span(sums: Array, across: int, total: float) -> slice:
    """The cells along a side that overlap best; sums: (n,) presence of the `across` cells at each."""
    behind = np.concatenate([[0.0], np.cumsum(sums)])
    inside = behind[None] - behind[:, None]
    length = np.arange(len(behind))[None] - np.arange(len(behind))[:, None]
    overlap = np.where(length > 0, inside / (across * np.maximum(length, 1) + total - inside), -1.0)
    start, stop = divmod(int(overlap.argmax()), len(behind))
    return slice(start, stop)
