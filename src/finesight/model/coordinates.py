"""The coordinates a model speaks, and the thousandths everybody else does.

Qwen2-VL and Qwen3-VL write boxes as thousandths of each side; Qwen2.5-VL was pretrained on pixels of the
resized input. A model fine-tuned here speaks thousandths whatever its base, and says so in finesight.json.
"""

from __future__ import annotations

import re
from enum import StrEnum

_BOX = re.compile(
    r"(<\|box_start\|>\s*)\((\d{1,6}),\s*(\d{1,6})\),\s*\((\d{1,6}),\s*(\d{1,6})\)(\s*<\|box_end\|>)"
)


class Coordinates(StrEnum):
    THOUSANDTHS = "thousandths"
    PIXELS = "pixels"


def to_model(text: str, coordinates: Coordinates, width: int, height: int) -> str:
    """A prompt whose boxes are in thousandths, as the model reads them (`width`, `height`: resized input)."""
    return text if coordinates is Coordinates.THOUSANDTHS else _rescale(text, (width, height), (1000, 1000))


def from_model(text: str, coordinates: Coordinates, width: int, height: int) -> str:
    """An answer of the model with its boxes in thousandths."""
    return text if coordinates is Coordinates.THOUSANDTHS else _rescale(text, (1000, 1000), (width, height))


def _rescale(text: str, to: tuple[int, int], of: tuple[int, int]) -> str:
    """Boxes in parts of `of` (width, height) as parts of `to`."""

    def rewritten(match: re.Match[str]) -> str:
        start, x1, y1, x2, y2, end = match.groups()
        # Multiplied before it is divided: a half must not be rounded by the error of a factor.
        corners = [round(int(v) * t / o) for v, t, o in zip((x1, y1, x2, y2), to * 2, of * 2, strict=True)]
        return f"{start}({corners[0]},{corners[1]}),({corners[2]},{corners[3]}){end}"

    return _BOX.sub(rewritten, text)
