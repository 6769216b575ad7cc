"""What one image is to carry: how many distortions, of which type, severity, extent and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from finesight.data.synthesise.config import Balance, SynthesisConfig, Variety
from finesight.data.synthesise.film import FILM
from finesight.data.synthesise.published import (
    AREA_RANGE,
    AREA_SIGMA,
    BOXES_PER_IMAGE,
    FREQUENCIES,
)
from finesight.data.synthesise.region import SHAPES, Shape
from finesight.data.synthesise.ways import WAYS, Way
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.text.place import GLOBAL_AREA

SEVERITY_SHARES: dict[Severity, float] = {Severity.MINOR: 0.32, Severity.MODERATE: 0.4, Severity.SEVERE: 0.28}
"""Not published; ours."""

SOLID_AREAS: dict[Severity, tuple[float, float]] = {
    Severity.MINOR: (0.02, 0.06),
    Severity.MODERATE: (0.1, 0.17),
    Severity.SEVERE: (0.27, 0.5),
}
"""The severity of a solid colour is its share of the image: that is all there is to see of it."""


@dataclass(frozen=True)
class Correction:
    """Factors on the published numbers of global and local boxes and on the median local area of a type."""

    of_global: float = 1.0
    of_local: float = 1.0
    area: float = 1.0


CORRECTIONS: dict[T, Correction] = {
    T.LOW_CLARITY: Correction(2.9, 3.8, 1.05),
    T.MOTION_BLUR: Correction(2.6, 2.6, 1.1),
    T.OUT_OF_FOCUS_BLUR: Correction(2.8, 2.5, 1.2),
    T.BLOCKING_ARTIFACTS: Correction(2.3, 1.1, 1.3),
    T.EDGE_ALIASING_EFFECT: Correction(2.3, 1.4, 1.0),
    T.EDGE_RINGING_EFFECT: Correction(2.2, 1.2, 1.15),
    T.OVEREXPOSURE: Correction(1.9, 1.05, 0.88),
    T.UNDEREXPOSURE: Correction(1.25, 1.0, 1.15),
    T.MEANINGLESS_SOLID_COLOR: Correction(1.6, 1.0, 1.0),
    T.NOISE: Correction(1.75, 1.2, 1.05),
}
"""Found by planting three times 800 images of 121 photographs at 336 px and comparing with the published
table: blurs need detail and exclude each other, so they are wished more often than they are to be found."""

_UNSEEN = 0.24  # share of the claims that turn out not to show anywhere (measured the same way)
_WHOLE_IMAGE = 0.85  # share of the global distortions that cover the image to its rim; the others leave some
_EVENING: dict[Balance, float] = {"published": 0.0, "tempered": 0.5, "uniform": 1.0}
_WAYS: dict[Variety, Mapping[T, tuple[Way, ...]]] = {"plain": {}, "wide": WAYS, "film": FILM}
_ANY_SHAPE = (0.25, 0.25, 0.25, 0.25)
_SOFT_SHAPES = (
    0.0,
    0.3,
    0.35,
    0.35,
)  # light has no hard rectangles; one burnt white would pass for a surface
_LIGHT = frozenset({T.OVEREXPOSURE, T.UNDEREXPOSURE})


@dataclass(frozen=True)
class Wish:
    """One distortion to plant. area: share of the image, 1 for all of it. way: how; None for the plain way."""

    type: T
    severity: Severity
    area: float
    shape: Shape
    way: Way | None = None

    @property
    def is_global(self) -> bool:
        return self.area > GLOBAL_AREA


def draw_number(rng: np.random.Generator, config: SynthesisConfig) -> int:
    """How many distortions one image is to carry; 0 for an authentic clean one."""
    if rng.random() < config.clean_share:
        return 0
    numbers = [n for n in BOXES_PER_IMAGE if n > 0]
    weights = np.array([BOXES_PER_IMAGE[n] for n in numbers], float)
    n = int(rng.choice(numbers, p=weights / weights.sum()))
    return min(n + int(rng.random() < n * _UNSEEN), config.max_boxes)


def draw_wish(
    rng: np.random.Generator,
    balance: Balance,
    variety: Variety = "plain",
    severity: Severity | None = None,
) -> Wish:
    """One distortion of the mixture; severity: where it is not to be drawn."""
    rows, odds = _mixture(balance, variety)
    kind, is_global = rows[rng.choice(len(rows), p=odds)]
    wish = (_draw_global if is_global else _draw_local)(kind, severity, rng)
    if variety == "film":  # encoders and cameras do not choose a place
        wish = replace(wish, area=1.0, shape="rectangle")
    ways = _WAYS[variety].get(kind)
    return replace(wish, way=ways[int(rng.integers(len(ways)))]) if ways else wish


@cache
def _mixture(balance: Balance, variety: Variety) -> tuple[list[tuple[T, bool]], NDArray[np.float64]]:
    """Types with their extent (global or not) and the probability of wishing each."""
    rows, odds = [], []
    for kind, row in FREQUENCIES.items():
        if variety == "film" and kind not in FILM:
            continue
        correction = CORRECTIONS[kind]
        total = row.boxes ** _EVENING[balance]
        rows += [(kind, True), (kind, False)]
        odds += [row.n_global * correction.of_global / total, row.n_local * correction.of_local / total]
    return rows, np.array(odds) / sum(odds)


def _draw_global(kind: T, severity: Severity | None, rng: np.random.Generator) -> Wish:
    area = 1.0 if rng.random() < _WHOLE_IMAGE else rng.uniform(GLOBAL_AREA + 0.05, 0.95)
    return Wish(kind, severity or _draw_severity(rng), area, "rectangle" if area == 1 else "feathered")


def _draw_local(kind: T, severity: Severity | None, rng: np.random.Generator) -> Wish:
    severity = severity or _draw_severity(rng)
    shares = _SOFT_SHAPES if kind in _LIGHT else _ANY_SHAPE
    return Wish(kind, severity, _local_area(kind, severity, rng), SHAPES[rng.choice(len(SHAPES), p=shares)])


def _draw_severity(rng: np.random.Generator) -> Severity:
    return list(Severity)[rng.choice(len(SEVERITY_SHARES), p=list(SEVERITY_SHARES.values()))]


def _local_area(kind: T, severity: Severity, rng: np.random.Generator) -> float:
    if kind is T.MEANINGLESS_SOLID_COLOR:
        low, high = np.log(SOLID_AREAS[severity])
        return float(np.exp(rng.uniform(low, high)))
    median, (least, most) = FREQUENCIES[kind].local_median * CORRECTIONS[kind].area, AREA_RANGE
    while True:
        area = median * float(np.exp(AREA_SIGMA * rng.standard_normal()))
        if least <= area <= most:
            return area
