"""How large a picture comes in."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator

CELL_PX = 28
"""Side of a cell, which becomes one token, of nano and of Qwen2.5-VL."""


class ResizePolicy(BaseModel):
    """How large a picture may come in, in pixels of area; sides become multiples of the model's cell.

    Enlarging adds nothing to be seen and shrinking hides noise and blocking, so a picture between the two
    bounds keeps its size up to rounding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_pixels: int = Field(default=56 * 56, gt=0)
    max_pixels: int = Field(default=1280 * 28 * 28, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> ResizePolicy:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels {self.min_pixels} is larger than max_pixels {self.max_pixels}")
        return self

    def fit(self, width: int, height: int, cell: int = CELL_PX) -> tuple[int, int]:
        """(width, height) in multiples of `cell` whose area lies within the bounds, ratio kept about.

        Where no whole cells lie between the bounds, the upper one holds (as far as one cell allows).
        """
        area = width * height
        scale = math.sqrt(min(max(area, self.min_pixels), self.max_pixels) / area)
        sides = [max(1, round(side * scale / cell)) for side in (width, height)]
        while sides[0] * sides[1] * cell * cell < self.min_pixels:
            sides[sides.index(max(sides))] += 1
        while sides[0] * sides[1] * cell * cell > self.max_pixels and max(sides) > 1:
            sides[sides.index(max(sides))] -= 1
        return sides[0] * cell, sides[1] * cell
