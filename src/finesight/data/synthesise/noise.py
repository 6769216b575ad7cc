"""Grain of the sensor: gaussian, poisson-gaussian, chroma, salt and pepper."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.region import Rgb
from finesight.schema.taxonomy import Severity

Span = tuple[float, float]

SIGMA: dict[Severity, Span] = {
    Severity.MINOR: (8.0, 11.0),
    Severity.MODERATE: (18.0, 24.0),
    Severity.SEVERE: (38.0, 52.0),
}
"""Standard deviation in code values of 0..255 (poisson-gaussian noise: at mid grey)."""

IMPULSES: dict[Severity, Span] = {
    Severity.MINOR: (0.006, 0.010),
    Severity.MODERATE: (0.025, 0.040),
    Severity.SEVERE: (0.09, 0.15),
}
"""Salt and pepper: share of the pixels hit."""

_KIND_SHARES = (0.4, 0.3, 0.18, 0.12)


def add_noise(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Noise of one of four kinds."""
    return _KINDS[rng.choice(len(_KINDS), p=_KIND_SHARES)](rgb, severity, rng)


def _gaussian(rgb: Rgb, severity: Severity, rng: np.random.Generator) -> Rgb:
    grain = _normal(rgb.shape, rng)
    return _added(rgb, grain * np.float32(rng.uniform(*SIGMA[severity])))


def _poisson_gaussian(rgb: Rgb, severity: Severity, rng: np.random.Generator) -> Rgb:
    """Variance grows with the light: a quarter of it is there in the dark (normal approximation)."""
    sigma = rng.uniform(*SIGMA[severity])
    deviation = (sigma * np.sqrt(0.25 + 0.75 * np.arange(256) / 128)).astype(np.float32)
    return _added(rgb, _normal(rgb.shape, rng) * deviation[rgb])


def _chroma(rgb: Rgb, severity: Severity, rng: np.random.Generator) -> Rgb:
    """Coloured blotches: chroma noise two pixels coarse with a little in the luma."""
    height, width = rgb.shape[:2]
    sigma = rng.uniform(*SIGMA[severity])
    coarse = _normal(((height + 1) // 2, (width + 1) // 2, 2), rng)
    grain = np.empty(rgb.shape, np.float32)
    grain[..., 0] = _normal((height, width), rng) * np.float32(0.4 * sigma)
    grain[..., 1:] = cv2.resize(coarse, (width, height)) * np.float32(1.4 * sigma)
    noisy: Rgb = cv2.cvtColor(_added(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), grain), cv2.COLOR_YCrCb2RGB)
    return noisy


def _salt_and_pepper(rgb: Rgb, severity: Severity, rng: np.random.Generator) -> Rgb:
    share = rng.uniform(*IMPULSES[severity])
    dice = rng.random(rgb.shape[:2], dtype=np.float32)
    noisy = rgb.copy()
    noisy[dice < share / 2] = 0
    noisy[dice > 1 - share / 2] = 255
    return noisy


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def _added(rgb: Rgb, grain: NDArray[np.float32]) -> Rgb:
    noisy: Rgb = cv2.add(rgb, grain, dtype=cv2.CV_8U)
    return noisy


_KINDS: tuple[Callable[[Rgb, Severity, np.random.Generator], Rgb], ...] = (
    _gaussian,
    _poisson_gaussian,
    _chroma,
    _salt_and_pepper,
)
