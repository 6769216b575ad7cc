"""One sentence about what can be measured in a clean picture; no objects are named, so nothing is guessed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_HUE_ENDS = (
    (8, "red"), (22, "orange"), (34, "yellow"), (84, "green"), (99, "cyan"),
    (130, "blue"), (158, "purple"), (172, "pink"), (180, "red"),
)  # fmt: skip
"""Upper ends of the hue intervals on OpenCV's scale 0..179 (two degrees a step)."""

_COLORS = ("black", "grey", "white", *dict.fromkeys(name for _, name in _HUE_ENDS))
_OF_HUE = np.array(
    [next((_COLORS.index(name) for end, name in _HUE_ENDS if hue < end), 0) for hue in range(256)], np.uint8
)
_COLORED = 50  # saturation and value from which on a pixel has a hue to speak of

_FLAT, _BUSY = 4.0, 12.0  # mean gradient of the luma at 128 px, code values a pixel


def describe_content(rgb: NDArray[np.uint8]) -> str:
    """Format, tone, colours of the upper and the lower half, and amount of detail of a clean picture.

    Args:
        rgb: (height, width, 3).
    """
    height, width = rgb.shape[:2]
    scale = 128 / max(height, width)
    small = cv2.resize(
        rgb, (max(2, round(width * scale)), max(2, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    middle = small.shape[0] // 2
    upper, lower = _color(small[:middle]), _color(small[middle:])
    colors = f"{upper} throughout" if upper == lower else f"{upper} above and {lower} below"
    return f"A {_tone(small)} {_format(width, height)} picture, mostly {colors}, with {_detail(small)}."


def _format(width: int, height: int) -> str:
    if abs(width - height) <= 0.05 * max(width, height):
        return "square"
    return "landscape-format" if width > height else "portrait-format"


def _tone(small: NDArray[np.uint8]) -> str:
    luma = float(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).mean())
    return "dark" if luma < 80 else "bright" if luma > 160 else "medium-toned"


def _color(part: NDArray[np.uint8]) -> str:
    """The name of the commonest colour."""
    hue, saturation, value = cv2.split(cv2.cvtColor(part, cv2.COLOR_RGB2HSV))
    grey = np.digitize(value, (60, 200))
    named = np.where((saturation >= _COLORED) & (value >= _COLORED), _OF_HUE[hue], grey)
    return _COLORS[int(np.bincount(named.ravel(), minlength=len(_COLORS)).argmax())]


def _detail(small: NDArray[np.uint8]) -> str:
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = float(np.abs(np.diff(grey, axis=1)).mean() + np.abs(np.diff(grey, axis=0)).mean())
    amount = "little" if gradient < _FLAT else "rich" if gradient > _BUSY else "some"
    return f"{amount} fine detail"
