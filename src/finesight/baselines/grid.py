"""Measures of a picture on a grid of cells, and the boxes of what stands out in one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import SCALE, Box

CELL_PX = 16
"""Side of a cell: two blocks of a JPEG, so that each cell has seen the 8 x 8 grid in both directions."""
LEAST_SHARE = 0.012
"""Smallest share of the picture that a patch of cells must fill to be taken for more than chance."""
WHOLE_SHARE = 0.6
"""Share of the picture from which on a patch is said to be the whole picture."""

Plane = NDArray[np.float32]
"""A value for each pixel, (height, width)."""
Grid = NDArray[np.float32]
"""A value for each cell, (rows, columns)."""


@dataclass(frozen=True)
class Patch:
    """Cells that belong together: their box, and the median of the measure over them."""

    box: Box
    value: float


def cells(plane: NDArray[np.float32] | NDArray[np.uint8]) -> Grid:
    """Mean of each cell; rows and columns are as many whole cells as fit, one at least."""
    height, width = plane.shape
    size = max(1, width // CELL_PX), max(1, height // CELL_PX)
    mean: Grid = cv2.resize(plane.astype(np.float32, copy=False), size, interpolation=cv2.INTER_AREA)
    return mean


def smooth(grid: Grid, side: int = 3) -> Grid:
    """Mean over `side` x `side` cells."""
    mean: Grid = cv2.blur(grid, (side, side), borderType=cv2.BORDER_REPLICATE)
    return mean


def patches(grid: Grid, threshold: float) -> list[Patch]:
    """The connected patches of cells at or above the threshold, gaps closed, small patches left out."""
    mask = (grid >= threshold).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for label in range(1, count):
        x, y, width, height, area = stats[label]
        if area >= LEAST_SHARE * grid.size:
            value = float(np.median(grid[labels == label]))
            found.append(Patch(_box((x, y, x + width, y + height), area / grid.size, grid), value))
    return found


def _box(xyxy: tuple[int, int, int, int], share: float, grid: Grid) -> Box:
    rows, columns = grid.shape
    return Box.of(0, 0, SCALE, SCALE) if share > WHOLE_SHARE else Box.from_pixels(xyxy, columns, rows)
