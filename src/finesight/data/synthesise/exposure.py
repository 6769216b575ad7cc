"""Too much or too little light, and surfaces without any content."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.region import Rgb
from finesight.schema.taxonomy import Severity

Span = tuple[float, float]

OVER_STOPS: dict[Severity, Span] = {
    Severity.MINOR: (0.8, 1.1),
    Severity.MODERATE: (1.6, 2.1),
    Severity.SEVERE: (2.8, 3.6),
}
"""Exposure added, in stops (a stop doubles the light)."""

UNDER_STOPS: dict[Severity, Span] = {
    Severity.MINOR: (1.2, 1.6),
    Severity.MODERATE: (2.3, 2.9),
    Severity.SEVERE: (3.9, 5.0),
}
"""Exposure taken away, in stops."""

_GAMMA = 2.2


def overexpose(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Light multiplied until the highlights clip to white."""
    return expose(rgb, rng.uniform(*OVER_STOPS[severity]))


def underexpose(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Light divided until the shadows sink into black."""
    return expose(rgb, -rng.uniform(*UNDER_STOPS[severity]))


def solid_color(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A flat surface: the mean colour of the place, a strong colour, or a grey between black and white.

    The severity of this type is the size of the surface (see `plan.SOLID_AREAS`), not its colour.
    """
    color = _solid_colors(rgb, rng)[rng.choice(3, p=(0.4, 0.35, 0.25))]
    return np.full_like(rgb, np.round(color).clip(0, 255).astype(np.uint8))


def expose(rgb: Rgb, stops: float) -> Rgb:
    """Code values after multiplying the light by 2**stops, clipped at white."""
    light = (np.arange(256) / 255) ** _GAMMA * 2.0**stops
    curve = np.round(light.clip(0, 1) ** (1 / _GAMMA) * 255).astype(np.uint8)
    exposed: Rgb = cv2.LUT(rgb, curve)
    return exposed


def bend(rgb: Rgb, gamma: float) -> Rgb:
    """Code values, as shares of white, to that power."""
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    bent: Rgb = cv2.LUT(rgb, curve)
    return bent


def _solid_colors(rgb: Rgb, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    local = np.asarray(cv2.mean(rgb)[:3])
    hue = np.array([[[rng.integers(180), rng.integers(140, 256), rng.integers(110, 256)]]], np.uint8)
    strong = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)
    grey = np.full(3, rng.uniform(0, 255))
    return local, strong, grey
