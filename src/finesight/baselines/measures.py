"""One classical measure of each distortion type, per cell of a picture; more means worse.

All work on 8-bit code values; "px" are pixels of the picture as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.baselines.grid import CELL_PX, Grid, Plane, cells, smooth

_NONE = -9.0
"""Value of a cell in which a measure says nothing."""


@dataclass(frozen=True)
class Planes:
    """A picture (uint8, (height, width, 3)) and what several measures need of it, each computed once."""

    rgb: NDArray[np.uint8]

    @cached_property
    def luma(self) -> Plane:
        luma: Plane = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return luma

    @cached_property
    def level(self) -> Grid:
        """Mean luma of each cell."""
        return cells(self.luma)

    @cached_property
    def fine(self) -> Plane:
        """Luma without what is finer than about 2 px."""
        return _gaussian(self.luma, 1.0)

    @cached_property
    def middle(self) -> Plane:
        """Luma without what is finer than about 5 px."""
        return _gaussian(self.luma, 2.5)

    @cached_property
    def steps(self) -> tuple[Plane, Plane]:
        """Absolute difference of each pixel to the next one in x and in y."""
        across = np.abs(np.diff(self.luma, axis=1, append=self.luma[:, -1:]))
        down = np.abs(np.diff(self.luma, axis=0, append=self.luma[-1:]))
        return across, down

    @cached_property
    def softness(self) -> Grid:
        """Log ratio of the energy at 2-5 px to that below 2 px; cells without any texture say nothing.

        Sharp photographs have about 0.2 (the amplitude of natural scenes falls as 1/f), blurred ones over 1.
        """
        finest = _energy(self.luma - self.fine)
        next_ = _energy(self.fine - self.middle)
        coarse = _energy(self.middle - _gaussian(self.luma, 6.0))
        ratio = np.log((next_ + 0.05) / (finest + 0.02))
        return np.where(next_ + coarse > 0.5, ratio, _NONE).astype(np.float32)

    @cached_property
    def coherence(self) -> Grid:
        """0 where gradients point everywhere, 1 where all are parallel (structure tensor, 5 x 5 cells)."""
        gx, gy = cv2.Sobel(self.fine, -1, 1, 0, scale=1 / 8), cv2.Sobel(self.fine, -1, 0, 1, scale=1 / 8)
        xx, yy, xy = (smooth(cells(product), 5) for product in (gx * gx, gy * gy, gx * gy))
        parallel: Grid = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + np.float32(0.3))
        return parallel

    @cached_property
    def floor(self) -> Grid:
        """Luma of the darkest pixel within 9 x 9 cells: a veil lifts it."""
        rows, columns = self.level.shape
        darkest = cv2.erode(self.luma, np.ones((CELL_PX, CELL_PX), np.uint8))
        sampled = cv2.resize(darkest, (columns, rows), interpolation=cv2.INTER_NEAREST)
        lowest: Grid = cv2.erode(sampled, np.ones((9, 9), np.uint8))
        return lowest


MOTION_COHERENCE = 0.43
VEIL_FLOOR = 40.0


def noise(planes: Planes) -> Grid:
    """Standard deviation of the noise, code values: Immerkaer's mask in the calmer quarter of each cell.

    References: J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996. Chroma counts for more, as
    photographs have little fine structure in it.
    """
    chroma = cv2.cvtColor(planes.rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    in_colour = np.maximum(_noise_of(chroma[:, :, 1]), _noise_of(chroma[:, :, 2]))
    return smooth(np.maximum(_noise_of(planes.luma), 1.5 * in_colour))


def blocking(planes: Planes) -> Grid:
    """Steps on the 8 x 8 grid beyond those beside it, in units of the mean step.

    References: Z. Wang, H. Sheikh, A. Bovik, "No-reference perceptual quality assessment of JPEG compressed
    images", ICIP 2002, per cell instead of per picture.
    """
    across, down = planes.steps
    excess = _grid_excess(across) + _grid_excess(np.ascontiguousarray(down.T)).T
    return (excess / (smooth(cells(across)) + 0.5)).astype(np.float32)


def aliasing(planes: Planes) -> Grid:
    """Share of single-pixel steps (high beside their neighbours) among all, in both directions at once."""
    across, down = planes.steps
    x, y = _lone(across, 1), _lone(down, 0)
    mean = (smooth(cells(across)) + smooth(cells(down))) / 2
    share: Grid = np.sqrt(x * y) / (mean + 1)
    return share


def ringing(planes: Planes) -> Grid:
    """Log energy of ripples (period about a hundredth of the diagonal) against coarser structure."""
    period = 0.012 * float(np.hypot(*planes.luma.shape))
    band = _gaussian(planes.luma, 0.18 * period) - _gaussian(planes.luma, 0.36 * period)
    coarse = planes.middle - _gaussian(planes.luma, 6.0)
    ratio: Grid = 2 * np.log(_energy(band) + 0.1) - np.log(_energy(coarse) + 1)
    return ratio


def overexposure(planes: Planes) -> Grid:
    """Share of pixels with a colour at the upper end of the scale."""
    red, green, blue = cv2.split(planes.rgb)
    brightest = cv2.max(cv2.max(red, green), blue)
    return smooth(cells(cv2.inRange(brightest, np.array([255.0]), np.array([255.0])))) / np.float32(255)


def underexposure(planes: Planes) -> Grid:
    """Darkness, 0..1, of cells whose brightest pixel is dark too, by itself and against the bright parts."""
    bright = float(np.quantile(planes.level, 0.9))
    brightest = cv2.dilate(planes.luma, np.ones((CELL_PX, CELL_PX), np.uint8))
    tone = np.maximum(smooth(cells(brightest)) / 90, 2 * (smooth(planes.level) + 4) / (bright + 4))
    return np.asarray(1 - tone / 3, np.float32)


def solid_color(planes: Planes) -> Grid:
    """Minus the mean deviation of a pixel from its neighbourhood, code values: 0 is one colour throughout."""
    return -cells(np.abs(planes.luma - cv2.blur(planes.luma, (3, 3))))


def motion_blur(planes: Planes) -> Grid:
    """Softness where all gradients that are left are parallel."""
    return _where(planes.coherence >= MOTION_COHERENCE, planes.softness)


def out_of_focus(planes: Planes) -> Grid:
    """Softness without a direction, with blacks still black."""
    return _where((planes.coherence < MOTION_COHERENCE) & (planes.floor < VEIL_FLOOR), planes.softness)


def low_clarity(planes: Planes) -> Grid:
    """Softness without a direction under a veil that leaves nothing black."""
    return _where((planes.coherence < MOTION_COHERENCE) & (planes.floor >= VEIL_FLOOR), planes.softness)


def _gaussian(plane: Plane, sigma: float) -> Plane:
    blurred: Plane = cv2.GaussianBlur(plane, (0, 0), sigma)
    return blurred


def _energy(plane: Plane) -> Grid:
    return smooth(cells(plane * plane))


def _where(mask: NDArray[np.bool_], grid: Grid) -> Grid:
    return np.where(mask, grid, np.float32(_NONE))


_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _noise_of(plane: Plane) -> Grid:
    """Noise of each cell, from the lower quartile of its 4 x 4 px parts: edges are in the others."""
    rows, columns = max(1, plane.shape[0] // CELL_PX), max(1, plane.shape[1] // CELL_PX)
    deviation = np.abs(cv2.filter2D(plane, -1, _IMMERKAER)) * np.float32(np.sqrt(np.pi / 2) / 6)
    parts = cv2.resize(deviation, (columns * 4, rows * 4), interpolation=cv2.INTER_AREA)
    of_cell = parts.reshape(rows, 4, columns, 4).swapaxes(1, 2).reshape(rows, columns, 16)
    return np.partition(of_cell, 4, axis=2)[:, :, 4]


def _grid_excess(steps: Plane) -> Grid:
    """Mean step across the columns 7|8, 15|16, ... beyond their neighbours and beyond the same elsewhere.

    "Elsewhere" includes the columns 3|4, 11|12, ... on their own: pixels repeated four times jump there too.
    """
    beside = np.roll(steps, 1, axis=1) + np.roll(steps, -1, axis=1)
    excess = steps - beside / np.float32(2)
    everywhere, on, between = smooth(cells(excess), 7) * 8, _columns(excess, 7), _columns(excess, 3)
    return on - np.maximum((everywhere - on) / 7, between)


def _columns(plane: Plane, first: int) -> Grid:
    """Mean over every eighth column from `first` on, in 7 x 7 cells."""
    kept = np.zeros_like(plane)
    kept[:, first::8] = plane[:, first::8]
    return smooth(cells(kept), 7) * 8


def _lone(steps: Plane, axis: int) -> Grid:
    """By how much steps exceed both neighbours, over 4 code values."""
    beside = np.maximum(np.roll(steps, 1, axis=axis), np.roll(steps, -1, axis=axis))
    lone: Plane = np.maximum(steps - beside - 4, 0)
    return smooth(cells(lone))
