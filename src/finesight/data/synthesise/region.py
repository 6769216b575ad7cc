"""Where in an image a distortion acts: a window and, for soft shapes, how strongly each pixel takes part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import Box

Rgb = NDArray[np.uint8]
"""(height, width, 3), red first, 0..255."""

Mask = NDArray[np.float32]
"""(height, width) of a window, 0..1."""

Shape = Literal["rectangle", "feathered", "ellipse", "blob"]

SHAPES: tuple[Shape, ...] = ("rectangle", "feathered", "ellipse", "blob")

_MASK_PX = (
    64  # masks are smooth: drawn this small and enlarged, which costs a tenth of drawing them full size
)
_CELL_PX = 8  # changes are looked at in cells of this size
_ACTIVE = 0.25  # a cell takes part from this share of the mean change on
_LEAST_PART_PX = 16
_AFFECTED = 0.5  # a pixel belongs to the affected area from this share on


@dataclass(frozen=True, eq=False)
class Region:
    """A window in pixels (right and bottom exclusive) with an optional soft mask; no mask is all of it."""

    x1: int
    y1: int
    x2: int
    y2: int
    mask: Mask | None = None

    @property
    def window(self) -> tuple[slice, slice]:
        return slice(self.y1, self.y2), slice(self.x1, self.x2)

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        return self.x1, self.y1, self.x2, self.y2

    def middle(self, share: float) -> Region:
        """The part around its middle that has this share of its area."""
        width, height = self.x2 - self.x1, self.y2 - self.y1
        w, h = max(1, round(width * share**0.5)), max(1, round(height * share**0.5))
        x, y = (width - w) // 2, (height - h) // 2
        mask = None if self.mask is None else self.mask[y : y + h, x : x + w]
        return Region(self.x1 + x, self.y1 + y, self.x1 + x + w, self.y1 + y + h, mask)

    def bounds(self) -> tuple[int, int, int, int]:
        """Pixel corners of the affected area: where the mask is at least one half."""
        if self.mask is None:
            return self.xyxy
        inside = self.mask >= _AFFECTED
        columns, rows = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
        if not len(columns):
            return self.xyxy
        return (
            self.x1 + int(columns[0]),
            self.y1 + int(rows[0]),
            self.x1 + int(columns[-1]) + 1,
            self.y1 + int(rows[-1]) + 1,
        )

    def box(self, width: int, height: int) -> Box:
        """Bounding box of the affected area in an image of `width` x `height` pixels."""
        return Box.from_pixels(self.bounds(), width, height)


def draw_mask(shape: Shape, width: int, height: int, rng: np.random.Generator) -> Mask | None:
    """A mask of a shape that fills a window of `width` x `height` pixels; None for the hard rectangle."""
    if shape == "rectangle":
        return None
    mask: Mask = cv2.resize(_MASKS[shape](rng), (width, height), interpolation=cv2.INTER_LINEAR)
    return mask.clip(0, 1)


def blend(original: Rgb, changed: Rgb, mask: Mask | None) -> Rgb:
    """`changed` where the mask is 1, `original` where it is 0; all three of one size."""
    if mask is None:
        return changed
    blended: Rgb = cv2.blendLinear(changed, original, mask, 1 - mask)
    return blended


def changed_part(before: Rgb, after: Rgb, region: Region) -> Region | None:
    """The part of a region whose pixels changed: flat margins, where a blur does nothing, are left out.

    None where too little is left to speak of a place.
    """
    height, width = before.shape[:2]
    cells = max(1, width // _CELL_PX), max(1, height // _CELL_PX)
    change = cv2.cvtColor(cv2.absdiff(before, after), cv2.COLOR_RGB2GRAY)
    coarse = cv2.resize(change, cells, interpolation=cv2.INTER_AREA).astype(np.float32)
    active = coarse > _ACTIVE * coarse.mean()
    columns, rows = np.flatnonzero(active.any(0)), np.flatnonzero(active.any(1))
    if not len(columns):
        return None
    left, top, right, bottom = region.bounds()
    inner = Region(
        max(left, region.x1 + int(columns[0]) * width // cells[0]),
        max(top, region.y1 + int(rows[0]) * height // cells[1]),
        min(right, region.x1 + (int(columns[-1]) + 1) * width // cells[0]),
        min(bottom, region.y1 + (int(rows[-1]) + 1) * height // cells[1]),
    )
    return inner if min(inner.x2 - inner.x1, inner.y2 - inner.y1) >= _LEAST_PART_PX else None


def _grid() -> tuple[Mask, Mask]:
    """Coordinates of a mask's pixel centres, -1..1 over the window: columns (1, n) and rows (n, 1)."""
    axis = ((np.arange(_MASK_PX, dtype=np.float32) + 0.5) / _MASK_PX * 2 - 1).astype(np.float32)
    return axis[None, :], axis[:, None]


def _ramp(depth: NDArray[np.float32], softness: float) -> Mask:
    """0..1 smoothstep of `depth` (positive inside), one half at depth 0 + softness."""
    t: Mask = (depth / np.float32(2 * softness)).clip(0, 1)
    return t * t * (3 - 2 * t)


def _feathered(rng: np.random.Generator) -> Mask:
    x, y = _grid()
    return _ramp(1 - np.maximum(np.abs(x), np.abs(y)), rng.uniform(0.04, 0.12))


def _ellipse(rng: np.random.Generator) -> Mask:
    x, y = _grid()
    return _ramp((1 - np.sqrt(x * x + y * y)).astype(np.float32), rng.uniform(0.05, 0.15))


def _blob(rng: np.random.Generator) -> Mask:
    """A closed outline whose radius wanders with the angle (three low harmonics)."""
    x, y = _grid()
    angle = np.arctan2(y, x)
    radius = np.ones_like(angle)
    for harmonic in (2, 3, 5):
        radius += rng.uniform(0.05, 0.16) * np.cos(harmonic * angle + rng.uniform(0, 2 * np.pi))
    radius /= radius.max()
    return _ramp((radius - np.sqrt(x * x + y * y)).astype(np.float32), rng.uniform(0.05, 0.12))


_MASKS = {"feathered": _feathered, "ellipse": _ellipse, "blob": _blob}
