"""How types are named inside questions and short answers, and what part of the picture a place is."""

from __future__ import annotations

from itertools import pairwise

from finesight.schema.box import SCALE, Box
from finesight.schema.taxonomy import DistortionType
from finesight.text.place import place_of

_CUTS = (0, SCALE // 3, SCALE - SCALE // 3, SCALE)


def _cells() -> dict[str, Box]:
    spans = list(pairwise(_CUTS))
    boxes = [Box.of(x1, y1, x2, y2) for y1, y2 in spans for x1, x2 in spans]
    return {place_of(box): box for box in boxes}


CELLS = _cells()
"""Places by name -> the ninth of the picture each name stands for: the cells of a 3 x 3 grid."""


def name_of(type_: DistortionType) -> str:
    """The name inside a sentence: `low clarity`."""
    return type_.value.lower()


def with_article(type_: DistortionType) -> str:
    """As the challenge's questions write it: `an overexposure`, `a blocking artifacts`."""
    name = name_of(type_)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
