"""Where in a picture a box lies, in words."""

from __future__ import annotations

from typing import Final

from finesight.schema.box import SCALE, Box

WHOLE: Final = "whole image"
GLOBAL_AREA: Final = 0.7
"""A distortion over more than this share of the picture is global (ViDA-UGC)."""

_GRID: Final = (
    ("upper left part", "upper part", "upper right part"),
    ("left part", "centre", "right part"),
    ("lower left part", "lower part", "lower right part"),
)
PLACES: Final = (WHOLE, *(name for row in _GRID for name in row))


def place_of(box: Box) -> str:
    """The one of `PLACES` a box lies in: the whole image, or the ninth its middle falls into."""
    if box.area > GLOBAL_AREA:
        return WHOLE
    return _GRID[_third(box.y1 + box.y2)][_third(box.x1 + box.x2)]


def the_place(place: str) -> str:
    """The place as part of a sentence: `the whole image`, `the lower part of the image`."""
    return f"the {place}" if place == WHOLE else f"the {place} of the image"


def _third(doubled: int) -> int:
    """0, 1 or 2: the third that half of `doubled` (0..2 * SCALE) falls into."""
    return min(2, doubled * 3 // (2 * SCALE))
