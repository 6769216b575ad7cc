"""Finding a place for a distortion: where it shows and where nothing already there contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.distorters import DISTORTIONS
from finesight.data.synthesise.plan import Wish
from finesight.data.synthesise.region import Region, draw_mask
from finesight.data.synthesise.scene import Grid, Scene
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

_CANDIDATES = 12
_LEAST_SIDE_PX = 24
_SOFT_SHAPE_LOSS = 0.85  # the affected box of a soft shape has about this share of its window's sides
_SAME_TYPE_OVERLAP = 0.1
_SOLID_OVERLAP = 0.25
_COVERED = 0.5  # share of a box that another must cover to hide or contradict it

_BLURS = frozenset({T.LOW_CLARITY, T.MOTION_BLUR, T.OUT_OF_FOCUS_BLUR})
_FINE = _BLURS | {T.EDGE_ALIASING_EFFECT, T.EDGE_RINGING_EFFECT}

HIDES: dict[T, tuple[frozenset[T], int]] = {
    T.LOW_CLARITY: (_BLURS, 0),
    T.MOTION_BLUR: (_BLURS, 0),
    T.OUT_OF_FOCUS_BLUR: (_BLURS, 0),
    T.EDGE_ALIASING_EFFECT: (_FINE, 0),
    T.BLOCKING_ARTIFACTS: (_FINE | {T.NOISE}, 0),
    T.NOISE: (_FINE, 1),
    T.UNDEREXPOSURE: (_FINE, 1),
    T.OVEREXPOSURE: (_FINE | {T.NOISE}, 1),
}
"""Which types a type makes invisible below it, when its severity rank is higher by this or more."""

_CONTRADICTIONS = frozenset({frozenset({T.OVEREXPOSURE, T.UNDEREXPOSURE})})


@dataclass(frozen=True, eq=False)
class Placement:
    """A distortion with its place in the image."""

    wish: Wish
    region: Region


def claim(
    wishes: list[Wish],
    scene: Scene,
    size: tuple[int, int],
    rng: np.random.Generator,
    claimed: Sequence[Placement] = (),
) -> list[Placement]:
    """`claimed` and places for as many wishes as agree with it and each other, the largest wishes first.

    Args:
        size: width and height of the image in pixels.
    """
    places = list(claimed)
    for wish in sorted(wishes, key=lambda w: -w.area):
        region = find_place(wish, scene, places, size, rng)
        if region is not None:
            places.append(Placement(wish, region))
    return places


def find_place(
    wish: Wish, scene: Scene, taken: Sequence[Placement], size: tuple[int, int], rng: np.random.Generator
) -> Region | None:
    """The most visible of some random places that agree with what is taken; None where none does."""
    width, height = size
    if wish.is_global:
        whole = _large_window(wish, width, height, rng)
        return None if any(conflict(wish, whole, other) for other in taken) else _shaped(wish, whole, rng)
    windows = _random_windows(wish, width, height, rng)
    first, everywhere = Region(*windows[0].tolist()), [other for other in taken if other.wish.area == 1]
    if any(conflict(wish, first, other) for other in everywhere):
        return None  # and with it all other places, for half of what asking each would cost
    visible = _mean_over(DISTORTIONS[wish.type].visibility(scene), windows, width, height)
    for i in np.argsort(-visible, kind="stable"):
        region = Region(*windows[i].tolist())
        if not any(conflict(wish, region, other) for other in taken):
            return _shaped(wish, region, rng)
    return None


def conflict(wish: Wish, region: Region, placed: Placement) -> bool:
    """Whether a distortion at `region` and one already placed would make one of the labels untrue."""
    shared, other = _shared_px(region, placed.region), placed.wish
    if not shared:
        return False
    covered_new, covered_old = shared / _area_px(region), shared / _area_px(placed.region)
    covered = max(covered_new, covered_old)
    if T.MEANINGLESS_SOLID_COLOR in (wish.type, other.type) and not (wish.is_global or other.is_global):
        return covered > _SOLID_OVERLAP
    if wish.type is other.type:
        return covered > _SAME_TYPE_OVERLAP
    if frozenset({wish.type, other.type}) in _CONTRADICTIONS:
        return covered > _SAME_TYPE_OVERLAP
    return (covered_new > _COVERED and hides(other.type, other.severity, wish.type, wish.severity)) or (
        covered_old > _COVERED and hides(wish.type, wish.severity, other.type, other.severity)
    )


def hides(upper: T, upper_severity: Severity, lower: T, lower_severity: Severity) -> bool:
    """Whether `lower` cannot be seen in a place that `upper` covers."""
    hidden, margin = HIDES.get(upper, (frozenset(), 0))
    return lower in hidden and upper_severity.rank >= lower_severity.rank + margin


def _shaped(wish: Wish, window: Region, rng: np.random.Generator) -> Region:
    mask = draw_mask(wish.shape, window.x2 - window.x1, window.y2 - window.y1, rng)
    if mask is not None and wish.type is T.MEANINGLESS_SOLID_COLOR:
        mask = (mask * 6 - 2.5).clip(0, 1)  # surfaces have crisp outlines
    return Region(*window.xyxy, mask)


def _large_window(wish: Wish, width: int, height: int, rng: np.random.Generator) -> Region:
    """Everything, or most of it."""
    side = min(1.0, wish.area**0.5 / (1.0 if wish.shape == "rectangle" else 0.96))
    w, h = round(width * side), round(height * side)
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return Region(x, y, x + w, y + h)


def _random_windows(wish: Wish, width: int, height: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(candidates, 4) corners x1, y1, x2, y2 of the wished area, anywhere, half to twice as wide as high."""
    ratio = np.exp(rng.uniform(np.log(0.5), np.log(2.0), _CANDIDATES))
    side = wish.area**0.5 / (1.0 if wish.shape == "rectangle" else _SOFT_SHAPE_LOSS)
    w = np.round(width * side * ratio**0.5).clip(_LEAST_SIDE_PX, width)
    h = np.round(height * side / ratio**0.5).clip(_LEAST_SIDE_PX, height)
    x = np.floor(rng.random(_CANDIDATES) * (width - w + 1))
    y = np.floor(rng.random(_CANDIDATES) * (height - h + 1))
    return np.stack([x, y, x + w, y + h], axis=1).astype(np.int64)


def _mean_over(cells: Grid, windows: NDArray[np.int64], width: int, height: int) -> NDArray[np.float64]:
    """(candidates,) mean of a map over each window."""
    total = cv2.integral(cells)
    rows, columns = cells.shape
    x1, y1 = windows[:, 0] * columns // width, windows[:, 1] * rows // height
    x2 = np.maximum(x1 + 1, windows[:, 2] * columns // width)
    y2 = np.maximum(y1 + 1, windows[:, 3] * rows // height)
    inside = total[y2, x2] - total[y1, x2] - total[y2, x1] + total[y1, x1]
    means: NDArray[np.float64] = inside / ((x2 - x1) * (y2 - y1))
    return means


def _area_px(region: Region) -> int:
    return (region.x2 - region.x1) * (region.y2 - region.y1)


def _shared_px(a: Region, b: Region) -> int:
    w = min(a.x2, b.x2) - max(a.x1, b.x1)
    h = min(a.y2, b.y2) - max(a.y1, b.y1)
    return max(0, w) * max(0, h)
