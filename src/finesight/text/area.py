"""The part of the picture that the name of a place stands for."""

from __future__ import annotations

from itertools import pairwise

from finesight.schema.box import SCALE, Box
from finesight.text.place import place_of

_CUTS = (0, SCALE // 3, SCALE - SCALE // 3, SCALE)


def _cells() -> dict[str, Box]:
    spans = list(pairwise(_CUTS))
    boxes = [Box.of(x1, y1, x2, y2) for y1, y2 in spans for x1, x2 in spans]
    return {place_of(box): box for box in boxes}


CELLS = _cells()
"""Name of the place -> its cell of a 3 x 3 grid, for every place but the whole image."""
