"""What one image is to carry: how many distortions, of which type, severity, extent and shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.published import (
    AREA_RANGE,
    AREA_SIGMA,
    BOXES_PER_IMAGE,
    FREQUENCIES,
    GLOBAL_AREA,
    type_shares,
)
from finesight.data.synthesise.region import SHAPES, Shape
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

SEVERITY_SHARES: dict[Severity, float] = {Severity.MINOR: 0.32, Severity.MODERATE: 0.4, Severity.SEVERE: 0.28}
"""Not published; ours."""

SOLID_AREAS: dict[Severity, tuple[float, float]] = {
    Severity.MINOR: (0.02, 0.06),
    Severity.MODERATE: (0.1, 0.17),
    Severity.SEVERE: (0.27, 0.5),
}
"""The severity of a solid colour is its share of the image: that is all there is to see of it."""

_WHOLE_IMAGE = 0.85  # share of the global distortions that cover the image to its rim; the others leave some
_SHAPE_SHARES = (0.25, 0.25, 0.25, 0.25)


@dataclass(frozen=True)
class Wish:
    """One distortion to plant. area: share of the image, 1 for all of it."""

    type: T
    severity: Severity
    area: float
    shape: Shape

    @property
    def is_global(self) -> bool:
        return self.area > GLOBAL_AREA


def draw_wishes(rng: np.random.Generator, config: SynthesisConfig) -> list[Wish]:
    """The distortions wished for one image; none for an authentic clean one."""
    if rng.random() < config.clean_share:
        return []
    numbers = [n for n in BOXES_PER_IMAGE if n > 0]
    weights = np.array([BOXES_PER_IMAGE[n] for n in numbers], float)
    n = min(int(rng.choice(numbers, p=weights / weights.sum())), config.max_boxes)
    kinds = list(T)
    shares = type_shares()
    p = [shares[kind] if config.balance == "published" else 1 / len(kinds) for kind in kinds]
    return [_draw_wish(kinds[i], rng) for i in rng.choice(len(kinds), size=n, p=p)]


def _draw_wish(kind: T, rng: np.random.Generator) -> Wish:
    severity = list(Severity)[rng.choice(3, p=list(SEVERITY_SHARES.values()))]
    if rng.random() < FREQUENCIES[kind].global_share:
        area = 1.0 if rng.random() < _WHOLE_IMAGE else rng.uniform(GLOBAL_AREA + 0.05, 0.95)
        return Wish(kind, severity, area, "rectangle" if area == 1 else "feathered")
    return Wish(kind, severity, _local_area(kind, severity, rng), SHAPES[rng.choice(4, p=_SHAPE_SHARES)])


def _local_area(kind: T, severity: Severity, rng: np.random.Generator) -> float:
    if kind is T.MEANINGLESS_SOLID_COLOR:
        low, high = np.log(SOLID_AREAS[severity])
        return float(np.exp(rng.uniform(low, high)))
    median, (least, most) = FREQUENCIES[kind].local_median, AREA_RANGE
    while True:
        area = median * float(np.exp(AREA_SIGMA * rng.standard_normal()))
        if least <= area <= most:
            return area
