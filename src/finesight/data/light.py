"""How light is spread in a picture, and around its faces. Pure.

An SDR screen is that of ITU-R BT.1886 with a black of 0: light is the code value to the power of 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import Box
from finesight.schema.hdr import Face, FaceLight, Light

GAMMA = 2.4
LUMINANCE_709 = (0.2126, 0.7152, 0.0722)
FLOOR = 1e-3
"""Added to light before stops are counted: below it an SDR screen shows black in a room that is lit."""
BRIGHT, DARK = 0.6, 0.01
_BAR = 0.0005
"""A line of pixels of which 95 % have no more light than this is a bar's."""
_CLIPPED = 0.98
_FLAT_SHARE = 0.01
"""A clipped area of more than this share of the picture is a flat one: a page, a sky, no glint."""
_PX = 640
_RING = 0.5
_PLACES = 5


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Light of each pixel, 0..1, of an SDR picture (height, width, 3)."""
    return np.asarray(_light_of_code()[rgb] @ np.array(LUMINANCE_709, np.float32), np.float32)


def measure(rgb: NDArray[np.uint8], faces: Iterable[Face] = ()) -> tuple[Light, tuple[FaceLight, ...]]:
    """The light of a picture and of its faces.

    Args:
        rgb: uint8 (height, width, 3), SDR, upright. It is looked at 640 pixels wide: glints smaller than that do not
            decide. Black bars at its edges do not count.
    """
    whole = luminance(_small(rgb))
    light = without_bars(whole)
    p05, p50, p95 = (float(v) for v in np.quantile(light, (0.05, 0.5, 0.95)))
    flat, little = _clipped(light)
    found = Light(
        p05=round(p05, _PLACES),
        p50=round(p50, _PLACES),
        p95=round(p95, _PLACES),
        stops=round(stops(p95, p05), 3),
        highlights=round(float((light > BRIGHT).mean()), _PLACES),
        dark=round(float((light < DARK).mean()), _PLACES),
        clipped_flat=round(flat, _PLACES),
        clipped_small=round(little, _PLACES),
    )
    return found, tuple(one for face in faces if (one := face_light(whole, face.box)) is not None)


def without_bars(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture inside black bars at its edges; all of it where it is black."""
    rows, columns = (np.quantile(light, 0.95, axis=axis) > _BAR for axis in (1, 0))
    if not rows.any() or not columns.any():
        return light
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    return light[y[0] : y[-1] + 1, x[0] : x[-1] + 1]


def stops(bright: float, dark: float) -> float:
    """Powers of two between two amounts of light, at least 0 where the first is not less."""
    return float(np.log2((bright + FLOOR) / (dark + FLOOR)))


def face_light(light: NDArray[np.float32], box: Box) -> FaceLight | None:
    """The light of a face against that of a ring around it, half as wide again; None for a box without pixels.

    The face is taken by the inner half of its box, for the corners of a box are hair and background.
    """
    height, width = light.shape
    x1, y1, x2, y2 = box.to_pixels(width, height)
    face = light[_part(y1, y2, -0.25, height), _part(x1, x2, -0.25, width)]
    around = _part(y1, y2, _RING, height), _part(x1, x2, _RING, width)
    outside = np.zeros(light.shape, bool)
    outside[around] = True
    outside[_part(y1, y2, 0, height), _part(x1, x2, 0, width)] = False
    if not face.size or not outside.any():
        return None
    inner, outer = float(np.median(face)), float(np.median(light[outside]))
    return FaceLight(
        box=box,
        face=round(inner, _PLACES),
        surround=round(outer, _PLACES),
        delta=round(stops(inner, outer), 3),
        headroom=round(max(0.0, stops(1.0, inner)), 3),
    )


def middle(lights: Sequence[Light]) -> Light | None:
    """The median of every feature; None of nothing."""
    if not lights:
        return None
    return Light(**{name: median(getattr(one, name) for one in lights) for name in Light.model_fields})


def _part(begin: float, end: float, grown: float, size: int) -> slice:
    """A stretch of pixels, grown by a share of its length at both ends."""
    by = grown * (end - begin)
    return slice(max(0, round(begin - by)), min(size, round(end + by)))


def _clipped(light: NDArray[np.float32]) -> tuple[float, float]:
    """Shares of the picture at white: in large areas, and in small ones."""
    mask = (light >= _CLIPPED).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA] / light.size
    return float(areas[areas > _FLAT_SHARE].sum()), float(areas[areas <= _FLAT_SHARE].sum())


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _PX / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _light_of_code() -> NDArray[np.float32]:
    return np.asarray((np.arange(256) / 255) ** GAMMA, np.float32)
