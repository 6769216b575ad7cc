"""Where distortions of each kind would be seen in a clean picture: coarse maps, cheap to sum over any box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.region import Rgb

Grid = NDArray[np.float32]
"""(rows, columns) of cells over the picture, 0..1."""

_LONG_SIDE = 48  # cells; fine enough for the smallest box (a tenth of the side) to hold a score of them
_STRONG_EDGE = 24.0  # mean gradient of a cell, code values a pixel, from which on edges count as plenty


@dataclass(frozen=True, eq=False)
class Scene:
    """Mean luma and amount of edges of every cell, both 0..1."""

    luma: Grid
    edges: Grid

    @classmethod
    def of(cls, rgb: Rgb) -> Scene:
        height, width = rgb.shape[:2]
        scale = _LONG_SIDE / max(height, width)
        cells = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        gradient = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        luma = cv2.resize(grey, cells, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        edges = cv2.resize(gradient, cells, interpolation=cv2.INTER_AREA).astype(np.float32) / _STRONG_EDGE
        return cls(luma=luma, edges=edges.clip(0, 1))


def by_edges(scene: Scene) -> Grid:
    """Blur, aliasing and ringing show where there is detail."""
    return scene.edges


def by_light(scene: Scene) -> Grid:
    """Darkening shows where it is not dark already."""
    light: Grid = (scene.luma / 0.5).clip(0, 1)
    return light


def by_mid_tones(scene: Scene) -> Grid:
    """Brightening shows neither on black nor on white."""
    darkness: Grid = ((1 - scene.luma) / 0.25).clip(0, 1)
    light: Grid = (scene.luma / 0.3).clip(0, 1)
    return darkness * light


def by_headroom(scene: Scene) -> Grid:
    """Noise shows where code values are not clipped, best where little else moves."""
    return by_mid_tones(scene) * (1 - np.float32(0.5) * scene.edges)


def by_texture(scene: Scene) -> Grid:
    """Blocks show where there is something to encode, and where code values are not clipped."""
    return by_mid_tones(scene) * (0.3 + 0.7 * scene.edges)


def anywhere(scene: Scene) -> Grid:
    """A surface without content shows everywhere, most where it covers something."""
    return 0.5 + 0.5 * scene.edges
