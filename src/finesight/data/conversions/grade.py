"""Photographs graded to a dynamic range that is asked for, and what lies over the frames of real videos. Pure.

A grade stretches the logarithm of light around its median, as a colourist's contrast does, and sets how bright the
bright parts are. Bars, captions and noise are not of the scene: they change its percentiles, and not its label.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.light import FLOOR, GAMMA, luminance, measure
from finesight.schema.hdr import Level

Rgb = NDArray[np.uint8]

STOPS: Mapping[Level, tuple[float, float]] = {
    Level.D0: (1.2, 2.6),
    Level.D1: (3.4, 5.1),
    Level.D2: (5.9, 7.6),
    Level.D3: (8.4, 9.6),
}
"""Stops between the 5th and the 95th percentile that a level is made with; between two levels lies a gap."""
_TOP = {Level.D0: (0.25, 0.8), Level.D1: (0.35, 0.9), Level.D2: (0.6, 1.0), Level.D3: (0.9, 1.0)}
_TRIES = 4
_MOST_GAIN = 16.0


def graded(rgb: Rgb, level: Level, rng: np.random.Generator) -> Rgb | None:
    """The picture with a dynamic range of the level; None where it does not come out so, as of a plain one."""
    light = luminance(rgb).astype(np.float64)
    stops, top = float(rng.uniform(*STOPS[level])), float(rng.uniform(*_TOP[level]))
    logs = np.log2(light + FLOOR)
    low, high = np.quantile(logs, (0.05, 0.95))
    if high - low < 0.3:
        return None
    wanted = stops
    for _ in range(_TRIES):
        new = np.log2(top) + (logs - high) * (wanted / (high - low))
        out = _with_light(rgb, light, np.clip(2.0**new - FLOOR, 0, 1))
        found = measure(out)[0].stops
        if abs(found - stops) < 0.3:
            return out
        wanted *= stops / max(found, 0.3)
    return None


def overlaid(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """The picture as a frame of a video may be: with black bars, a caption, or a camera's grain."""
    out = rgb.copy()
    height, width = out.shape[:2]
    if rng.random() < 0.5:
        sigma = rng.uniform(1, 5)
        out = np.clip(out + rng.normal(0, sigma, out.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        bar = round(height * rng.uniform(0.06, 0.14))
        out[:bar] = out[height - bar :] = 0
    if rng.random() < 0.35:
        _caption(out, rng)
    if rng.random() < 0.15:
        side = round(width * rng.uniform(0.08, 0.16))
        out[:, :side] = out[:, width - side :] = 0
    return out


def _with_light(rgb: Rgb, before: NDArray[np.float64], after: NDArray[np.float64]) -> Rgb:
    """Pixels with other light and the proportions of their colours; what black cannot be multiplied to is added."""
    gain = np.minimum(after / np.maximum(before, 1e-6), _MOST_GAIN)
    linear = (rgb / 255.0) ** GAMMA * gain[..., None]
    linear += np.maximum(after - before * gain, 0)[..., None]
    return np.asarray(np.rint(255 * np.clip(linear, 0, 1) ** (1 / GAMMA)), np.uint8)


def _caption(out: Rgb, rng: np.random.Generator) -> None:
    height, width = out.shape[:2]
    letters = rng.choice(list("ABCDEFGHKLMNOPRSTUVWXYZ   "), size=int(rng.integers(12, 28)))
    scale = width / 640
    at = round(width * 0.1), round(height * rng.uniform(0.82, 0.95))
    thick = max(1, round(2 * scale))
    cv2.putText(
        out, "".join(letters), at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thick, cv2.LINE_AA
    )
