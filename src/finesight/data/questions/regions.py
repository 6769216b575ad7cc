"""Regions to ask about."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Finding

SIDE = (150, 950)
"""Shortest and longest side of a region, thousandths; the challenge's go from about 120 to 980."""
LEAST = 40
"""Shortest side of what a region may cut out of a box: a thinner strip could not be seen as a distortion."""
TRIES = 60


def region_of(findings: Iterable[Finding], rng: Random, *, empty: bool) -> Box | None:
    """A region without any finding (`empty`) or with at least one, none of them cut to a strip.

    None where `TRIES` random regions gave none, as in a picture that is distorted all over.
    """
    boxes = {f.box for f in findings}
    for _ in range(TRIES):
        region = _random_box(rng)
        pieces = [(box, piece) for box in boxes if (piece := box.clip(region))]
        if bool(pieces) is not empty and all(piece == box or _wide(piece) for box, piece in pieces):
            return region
    return None


def _random_box(rng: Random) -> Box:
    width, height = rng.randint(*SIDE), rng.randint(*SIDE)
    x1, y1 = rng.randint(0, SCALE - width), rng.randint(0, SCALE - height)
    return Box.of(x1, y1, x1 + width, y1 + height)


def _wide(box: Box) -> bool:
    return min(box.x2 - box.x1, box.y2 - box.y1) >= LEAST
