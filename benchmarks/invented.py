"""Invented annotations of the shape of ViDA-UGC's prototype set, without pictures: the same for the same seed."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity

BOXES = (40, 138, 505, 373, 312, 223, 149, 101, 63, 48, 25, 23)
"""Of the 2,000 pictures of the authors' prototype set, those with 0, 1, ... boxes; 11 stands for more."""


class Kind(NamedTuple):
    """Boxes of a type in the same set; the share of global ones (area > 0.7); the median area."""

    boxes: int
    whole: float
    area: float


KINDS = {
    DistortionType.LOW_CLARITY: Kind(2391, 715 / 2391, 0.19),
    DistortionType.EDGE_ALIASING_EFFECT: Kind(1104, 55 / 1104, 0.05),
    DistortionType.OUT_OF_FOCUS_BLUR: Kind(885, 93 / 885, 0.10),
    DistortionType.UNDEREXPOSURE: Kind(911, 51 / 911, 0.13),
    DistortionType.OVEREXPOSURE: Kind(579, 7 / 579, 0.03),
    DistortionType.BLOCKING_ARTIFACTS: Kind(522, 322 / 522, 0.97),
    DistortionType.NOISE: Kind(467, 215 / 467, 0.48),
    DistortionType.MEANINGLESS_SOLID_COLOR: Kind(427, 8 / 427, 0.12),
    DistortionType.MOTION_BLUR: Kind(247, 67 / 247, 0.13),
    DistortionType.EDGE_RINGING_EFFECT: Kind(129, 10 / 129, 0.09),
}
CONTENT = (
    "A street at dusk with parked cars, a cyclist in front of a shop window and trees behind the houses."
)


def annotation(number: int, seed: int) -> Annotation:
    """A picture with invented distortions; its level is about as skewed to poor and fair as the real ones."""
    rng = Random(f"{seed}|{number}")
    boxes = rng.choices(range(len(BOXES)), BOXES)[0]
    mos = min(5.0, max(1.0, rng.gauss(2.6, 0.6)))
    return Annotation(
        image=f"{number:06}.jpg",
        width=1024,
        height=768,
        mos=mos,
        level=Level.of_mos(mos),
        distortions=tuple(_distortion(rng) for _ in range(boxes)),
        content=CONTENT,
    )


def _distortion(rng: Random) -> Distortion:
    type_ = rng.choices(list(KINDS), [kind.boxes for kind in KINDS.values()])[0]
    whole, median = KINDS[type_].whole, KINDS[type_].area
    # The spread of the local ones is not published; a factor of e each way is a guess.
    local = min(0.7, max(0.004, median * math.exp(rng.gauss(0, 1))))
    area = rng.uniform(0.7, 1.0) if rng.random() < whole else local
    width = min(1.0, math.sqrt(area) * math.exp(rng.gauss(0, 0.3)))
    width, height = round(1000 * max(width, area)), round(1000 * area / max(width, area))
    x, y = rng.randint(0, 1000 - width), rng.randint(0, 1000 - height)
    return Distortion(
        type=type_,
        severity=rng.choice(list(Severity)),
        box=Box.of(x, y, x + width, y + height),
        significance=rng.randint(1, 40),
    )
