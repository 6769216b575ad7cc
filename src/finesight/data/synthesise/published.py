"""How often each distortion occurs, how large it is and how many an image carries, as published.

Counts over 2,000 images and 7,662 boxes of the prototype set of ViDA-UGC (facts of the MIPI 2025 "Detailed
Image Quality Assessment" challenge). "Global" is a box of more than 0.7 of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from statistics import NormalDist

from finesight.schema.taxonomy import DistortionType as T

AREA_SIGMA = 0.9
"""Spread of the local areas: standard deviation of their natural logarithm (our choice)."""

AREA_RANGE = (0.01, 0.6)
"""Local areas outside are drawn again: too small to see, or nearly global."""

_DEFAULT_LOCAL_MEDIAN = 0.15


@dataclass(frozen=True)
class Frequency:
    """One row of the table: numbers of global and local boxes, median share of the image over all of them."""

    n_global: int
    n_local: int
    median_area: float

    @property
    def boxes(self) -> int:
        return self.n_global + self.n_local

    @property
    def global_share(self) -> float:
        return self.n_global / self.boxes

    @property
    def local_median(self) -> float:
        """Median area of the local boxes that makes the median over all boxes the published one.

        The overall median is the quantile 0.5 / (1 - global share) of the log-normal local areas; where most
        boxes are global it says nothing about the local ones and a default stands in.
        """
        quantile = 0.5 / (1 - self.global_share)
        if quantile >= 1:
            return _DEFAULT_LOCAL_MEDIAN
        return self.median_area / exp(AREA_SIGMA * NormalDist().inv_cdf(quantile))


FREQUENCIES: dict[T, Frequency] = {
    T.LOW_CLARITY: Frequency(715, 1676, 0.19),
    T.MOTION_BLUR: Frequency(67, 180, 0.13),
    T.OUT_OF_FOCUS_BLUR: Frequency(93, 792, 0.10),
    T.BLOCKING_ARTIFACTS: Frequency(322, 200, 0.97),
    T.EDGE_ALIASING_EFFECT: Frequency(55, 1049, 0.05),
    T.EDGE_RINGING_EFFECT: Frequency(10, 119, 0.09),
    T.OVEREXPOSURE: Frequency(7, 572, 0.03),
    T.UNDEREXPOSURE: Frequency(51, 860, 0.13),
    T.MEANINGLESS_SOLID_COLOR: Frequency(8, 419, 0.12),
    T.NOISE: Frequency(215, 252, 0.48),
}

BOXES_PER_IMAGE: dict[int, int] = {
    0: 40, 1: 138, 2: 505, 3: 373, 4: 312, 5: 223, 6: 149, 7: 101, 8: 63, 9: 48, 10: 25, 11: 23,
}  # fmt: skip
"""Images by number of boxes; the last row stands for eleven and more."""


def type_shares() -> dict[T, float]:
    """Share of each type among all boxes; the sum is 1."""
    total = sum(row.boxes for row in FREQUENCIES.values())
    return {kind: row.boxes / total for kind, row in FREQUENCIES.items()}
