"""Cheap statistics of frames: evidence beside a model's diagnosis, measured and not judged.

References: J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996 (here of the median cell, so that edges
do not count); F. Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur
metric", SPIE 6492, 2007; Z. Wang, H. Sheikh, A. Bovik, "No-reference perceptual quality assessment of JPEG compressed
images", ICIP 2002 (here for a grid at any place).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

SIGNALS = {
    "luma_mean": "mean luma, 0 black .. 1 white",
    "luma_p01": "luma that 1 % of the pixels do not exceed",
    "luma_p50": "median luma",
    "luma_p99": "luma that 99 % of the pixels do not exceed",
    "clipped_dark": "share of pixels at black (0.004 or less)",
    "clipped_bright": "share of pixels at white (0.996 or more)",
    "noise": "standard deviation of noise, in 8-bit code values",
    "blur": "blur effect, 0 sharp .. 1 blurred",
    "blockiness": "step on the strongest line of an 8-pixel grid beyond the median line, over the mean step",
    "combing": "share of pixels that differ from the lines above and below alike, beyond that of columns",
}
"""Statistics of one frame, by name."""

SHOT_SIGNALS = {
    "flicker": "deviation of a frame's mean luma from its neighbours' mean (root mean square), in 8-bit code values",
    "motion": "mean absolute luma difference of successive frames, in 8-bit code values",
}
"""Statistics over all frames of a shot; it has the medians of its evenly sampled frames' statistics too."""

_BLUR_TAPS = 11
_BLUR_UNIT = 64.0
_COMB = 12
_CELL_PX = 16
_LEAST_PX = 16
_TINY = 1e-6
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def measure(luma: Plane) -> dict[str, float]:
    """The statistics of a frame by the names of `SIGNALS`; those of structure need 16 pixels each way.

    Args:
        luma: uint8 (height, width), 0 black .. 255 white.
    """
    shares = np.cumsum(np.bincount(luma.ravel(), minlength=256)) / luma.size
    low, middle, high = (int(np.searchsorted(shares, p - 1e-9)) / 255 for p in (0.01, 0.5, 0.99))
    found = {
        "luma_mean": float(luma.mean()) / 255,
        "luma_p01": low,
        "luma_p50": middle,
        "luma_p99": high,
        "clipped_dark": float(shares[1]),
        "clipped_bright": float(1 - shares[253]),
    }
    if min(luma.shape) >= _LEAST_PX:
        found |= {"noise": noise(luma), "blur": blur(luma)}
        found |= {"blockiness": blockiness(luma), "combing": combing(luma)}
    return {name: round(value, 5) for name, value in found.items()}


def noise(luma: Plane) -> float:
    """Standard deviation of white noise in code values 0..255, that of the median cell of 16 x 16 pixels."""
    response = cv2.convertScaleAbs(cv2.filter2D(luma, cv2.CV_16S, _MASK)[1:-1, 1:-1])
    rows, columns = (max(1, size // _CELL_PX) for size in response.shape)
    whole = response[: rows * _CELL_PX, : columns * _CELL_PX].astype(np.float32)
    cells = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return float(np.median(cells) * np.sqrt(np.pi / 2) / 6)


def blur(luma: Plane) -> float:
    """How little a further blur would change: 0 sharp .. 1 blurred; the worse of both directions."""
    fine = cv2.multiply(
        luma, _BLUR_UNIT, dtype=cv2.CV_16S
    )  # whole numbers are fast, and 1/64 of a code fine enough
    return max(_blur_along(fine, (_BLUR_TAPS, 1)), _blur_along(fine, (1, _BLUR_TAPS)))


def _blur_along(fine: NDArray[np.int16], taps: tuple[int, int]) -> float:
    axis = 1 if taps[0] > 1 else 0
    sharp, soft = (
        _steps(plane, axis) for plane in (fine, cv2.blur(fine, taps, borderType=cv2.BORDER_REFLECT))
    )
    whole = cv2.sumElems(sharp)[0]
    lost = cv2.sumElems(cv2.max(cv2.subtract(sharp, soft), 0))[0]
    return 1 - lost / whole if whole > _TINY else 1.0


def _steps(plane: NDArray[Any], axis: int) -> NDArray[Any]:
    """Absolute differences of neighbouring pixels across (1) or down (0)."""
    pair = (plane[:, 1:], plane[:, :-1]) if axis else (plane[1:], plane[:-1])
    return np.asarray(cv2.absdiff(*pair))


def blockiness(luma: Plane) -> float:
    """The mean over both directions of (strongest - median line of an 8-pixel grid) / mean step; 0 without a grid."""
    across = cv2.reduce(_steps(luma, 1), 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    down = cv2.reduce(_steps(luma, 0), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    return max(0.0, (_grid(across.ravel()) + _grid(down.ravel())) / 2)


def _grid(lines: NDArray[np.float32]) -> float:
    phases = lines[: len(lines) // 8 * 8].reshape(-1, 8).mean(axis=0)
    return float((phases.max() - np.median(phases)) / (lines.mean() + 1))


def combing(luma: Plane) -> float:
    """Evidence of interlacing: teeth between lines that are not there between columns, as a share of the pixels."""
    return max(0.0, _teeth(luma) - _teeth(np.ascontiguousarray(luma.T)))


def _teeth(luma: Plane) -> float:
    """Share of pixels that are brighter, or darker, than both the line above and the line below by over 12 codes."""
    line, above, below = luma[1:-1], luma[:-2], luma[2:]
    out = cv2.min(cv2.subtract(line, above), cv2.subtract(line, below))
    into = cv2.min(cv2.subtract(above, line), cv2.subtract(below, line))
    return cv2.countNonZero(cv2.threshold(cv2.max(out, into), _COMB, 1, cv2.THRESH_BINARY)[1]) / line.size


def summary(frames: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each statistic over the frames that have it."""
    seen: dict[str, list[float]] = {}
    for frame in frames:
        for name, value in frame.items():
            seen.setdefault(name, []).append(value)
    return {name: median(values) for name, values in seen.items()}


class Course:
    """Brightness of successive frames, from which flicker and motion of a shot come; three frames are kept."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
        self._means: list[float] = []
        self._squares, self._jolts = 0.0, 0
        self._differences, self._pairs = 0.0, 0

    def add(self, grey: NDArray[np.uint8]) -> None:
        """Take note of the next frame, a small grey copy of it."""
        if self._last is not None:
            self._differences += float(cv2.absdiff(grey, self._last).mean())
            self._pairs += 1
        self._last = grey
        self._means = [*self._means[-2:], float(grey.mean())]
        if len(self._means) == 3:
            self._squares += (self._means[1] - fmean(self._means[::2])) ** 2
            self._jolts += 1

    def signals(self) -> dict[str, float]:
        """The statistics by the names of `SHOT_SIGNALS`; 0 where there are too few frames for one."""
        flicker = float(np.sqrt(self._squares / self._jolts)) if self._jolts else 0.0
        motion = self._differences / self._pairs if self._pairs else 0.0
        return {"flicker": round(flicker, 4), "motion": round(motion, 4)}
