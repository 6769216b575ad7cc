"""What careless resampling and sharpening do to edges: steps (aliasing) and oscillation (ringing)."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.region import Rgb
from finesight.schema.taxonomy import Severity

Span = tuple[float, float]

ALIASING_STEP: dict[Severity, Span] = {
    Severity.MINOR: (3.4, 4.2),
    Severity.MODERATE: (5.8, 7.2),
    Severity.SEVERE: (10.0, 13.0),
}
"""Distance of the point samples, thousandths of the diagonal."""

RINGING_GAIN: dict[Severity, Span] = {
    Severity.MINOR: (0.9, 1.2),
    Severity.MODERATE: (2.0, 2.7),
    Severity.SEVERE: (4.4, 6.2),
}
"""How much of the oscillation of an ideal low-pass filter is added to the picture."""

RINGING_PERIOD: Span = (9.0, 15.0)
"""Distance of two ripples, thousandths of the diagonal, whatever the severity."""

_LOBES = 4  # ripples on each side of an edge


def alias(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Point-sampled without a filter and repeated without interpolation: slanting edges become stairs."""
    height, width = rgb.shape[:2]
    step = max(1.5, rng.uniform(*ALIASING_STEP[severity]) * diagonal / 1000)
    coarse_size = max(1, round(width / step)), max(1, round(height / step))
    coarse = cv2.resize(rgb, coarse_size, interpolation=cv2.INTER_NEAREST)
    jagged: Rgb = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return jagged


def ring(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Halos and ripples along edges: the Gibbs oscillation of a band limit, amplified.

    The oscillation is what an ideal (truncated sinc) low-pass leaves beyond a Gaussian of the same band.
    """
    gain = np.float32(rng.uniform(*RINGING_GAIN[severity]))
    period = max(3.0, round(rng.uniform(*RINGING_PERIOD) * diagonal / 1000, 1))
    ideal, smooth = _low_passes(period)
    picture = rgb.astype(np.float32)
    ripples = _separable(picture, ideal)
    ripples -= _separable(picture, smooth)
    picture += gain * ripples
    ringing: Rgb = cv2.convertScaleAbs(picture.clip(0, 255))
    return ringing


def ideal_low_pass(rgb: Rgb, period: float) -> Rgb:
    """The picture without what is finer than ripples of `period` pixels, cut off by a truncated sinc."""
    taps, _smooth = _low_passes(period)
    limited: Rgb = cv2.convertScaleAbs(_separable(rgb.astype(np.float32), taps).clip(0, 255))
    return limited


def _separable(picture: NDArray[np.float32], taps: NDArray[np.float32]) -> NDArray[np.float32]:
    filtered: NDArray[np.float32] = cv2.sepFilter2D(picture, -1, taps, taps, borderType=cv2.BORDER_REFLECT)
    return filtered


@lru_cache(maxsize=256)
def _low_passes(period: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Taps of unit sum of the ideal and the Gaussian low-pass whose ripples are `period` pixels apart."""
    reach = int(np.ceil(period * _LOBES / 2))
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    ideal, smooth = np.sinc(2 * x / period), np.exp(-0.5 * (x / (0.3 * period)) ** 2)
    return (ideal / ideal.sum()).astype(np.float32), (smooth / smooth.sum()).astype(np.float32)
