"""Losses of sharpness that happen before the sensor: out of focus, motion, low clarity.

Lengths are thousandths of the image diagonal, so that a severity looks the same at every size.
Blurs act on light, not on code values: the display curve is taken off first (power 2.2), which is what makes
bright points swell into discs and streaks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.region import Rgb
from finesight.schema.taxonomy import Severity

Span = tuple[float, float]
KernelAt = Callable[[float], NDArray[np.float32]]

DEFOCUS_RADIUS: dict[Severity, Span] = {
    Severity.MINOR: (3.3, 4.5),
    Severity.MODERATE: (6.5, 9.0),
    Severity.SEVERE: (14.0, 22.0),
}
"""Radius of the circle of confusion, thousandths of the diagonal."""

MOTION_LENGTH: dict[Severity, Span] = {
    Severity.MINOR: (10.0, 14.0),
    Severity.MODERATE: (22.0, 32.0),
    Severity.SEVERE: (50.0, 75.0),
}
"""Length of the path, thousandths of the diagonal."""

SAMPLING_STEP: dict[Severity, Span] = {
    Severity.MINOR: (3.2, 4.0),
    Severity.MODERATE: (5.6, 7.0),
    Severity.SEVERE: (10.0, 14.0),
}
"""Low clarity: distance of the samples that are left, thousandths of the diagonal."""

VEIL: dict[Severity, Span] = {
    Severity.MINOR: (0.10, 0.15),
    Severity.MODERATE: (0.22, 0.30),
    Severity.SEVERE: (0.40, 0.52),
}
"""Low clarity: share of the contrast that a veil takes away."""

_VEIL_TONE = 170.0  # haze is pale; half of the veil's colour is this, half is the mean of the place


_LINEAR_MAX = 65535
_TO_LINEAR = np.round((np.arange(256) / 255) ** 2.2 * _LINEAR_MAX).astype(np.uint16)
_FROM_LINEAR = np.round((np.arange(_LINEAR_MAX + 1) / _LINEAR_MAX) ** (1 / 2.2) * 255).astype(np.uint8)
_LARGE_KERNEL_PX = 6.0  # a wider blur is computed at half size: nothing finer survives it


def defocus(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """The view of a lens focused elsewhere: every point a disc, edges of the disc crisp."""
    radius = rng.uniform(*DEFOCUS_RADIUS[severity]) * diagonal / 1000
    return _blur_light(rgb, radius, lambda scale: _disc(round(radius * scale, 1)))


def motion_blur(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """The view of a camera or subject moving straight during the exposure."""
    length = rng.uniform(*MOTION_LENGTH[severity]) * diagonal / 1000
    angle = rng.uniform(0, np.pi)
    return _blur_light(rgb, length / 2, lambda scale: _streak(length * scale, angle))


def low_clarity(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Detail and contrast lost everywhere alike: sampled coarsely, interpolated, veiled."""
    height, width = rgb.shape[:2]
    step = max(1.0, rng.uniform(*SAMPLING_STEP[severity]) * diagonal / 1000)
    veil = rng.uniform(*VEIL[severity])
    coarse_size = max(1, round(width / step)), max(1, round(height / step))
    coarse = cv2.resize(rgb, coarse_size, interpolation=cv2.INTER_AREA)
    tone = (np.asarray(cv2.mean(coarse)[:3]) + _VEIL_TONE) / 2
    curves = np.round(np.arange(256)[None, :, None] * (1 - veil) + tone * veil).astype(np.uint8)
    unclear: Rgb = cv2.resize(cv2.LUT(coarse, curves), (width, height), interpolation=cv2.INTER_CUBIC)
    return unclear


def _blur_light(rgb: Rgb, reach_px: float, kernel_at: KernelAt) -> Rgb:
    """Convolve in linear light with the kernel for the scale (1 or 0.5) at which it is computed."""
    height, width = rgb.shape[:2]
    light: NDArray[np.uint16] = _TO_LINEAR[rgb]
    scale = 0.5 if reach_px > _LARGE_KERNEL_PX and min(height, width) >= 16 else 1.0
    if scale < 1:
        light = cv2.resize(light, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    light = cv2.filter2D(light, -1, kernel_at(scale), borderType=cv2.BORDER_REPLICATE)
    if scale < 1:
        light = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)
    blurred: Rgb = _FROM_LINEAR[light]
    return blurred


@lru_cache(maxsize=256)
def _disc(radius: float) -> NDArray[np.float32]:
    """A disc of unit sum with an anti-aliased rim; radius in pixels."""
    reach = int(np.ceil(radius))
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    distance = np.sqrt(axis[None] ** 2 + axis[:, None] ** 2)
    disc: NDArray[np.float32] = (np.float32(radius + 0.5) - distance).clip(0, 1)
    return disc / np.float32(disc.sum())


def _streak(length: float, angle: float) -> NDArray[np.float32]:
    """A straight line of unit sum through the middle; length in pixels, angle in radians."""
    reach = int(np.ceil(length / 2))
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    x, y = axis[None], axis[:, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    line: NDArray[np.float32] = (length / 2 + 0.5 - np.abs(along)).clip(0, 1) * (1 - np.abs(across)).clip(
        0, 1
    )
    return line / np.float32(line.sum())
