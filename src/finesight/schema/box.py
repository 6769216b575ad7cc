"""Box: an axis-aligned rectangle in thousandths of the picture, and the only place where pixels appear."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCALE = 1000
Coordinate = Annotated[int, Field(ge=0, le=SCALE)]


class Box(BaseModel):
    """Corners (x1, y1), (x2, y2), integers 0..1000 on each axis of the EXIF-turned picture."""

    model_config = ConfigDict(frozen=True)

    x1: Coordinate
    y1: Coordinate
    x2: Coordinate
    y2: Coordinate

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        if self.x1 > self.x2 or self.y1 > self.y2:
            raise ValueError(f"box corners out of order: {self.xyxy}")
        return self

    @classmethod
    def of(cls, x1: int, y1: int, x2: int, y2: int) -> Box:
        """The box of four corners in order x1, y1, x2, y2."""
        return cls(x1=x1, y1=y1, x2=x2, y2=y2)

    @classmethod
    def from_pixels(cls, xyxy: tuple[float, float, float, float], width: int, height: int) -> Box:
        """The box of pixel corners (right and bottom exclusive) in a picture of `width` x `height`."""

        def scaled(value: float, size: int) -> int:
            return min(SCALE, max(0, round(value * SCALE / size)))

        x1, y1, x2, y2 = xyxy
        return cls.of(scaled(x1, width), scaled(y1, height), scaled(x2, width), scaled(y2, height))

    def to_pixels(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Pixel corners (right and bottom exclusive) in a picture of `width` x `height`."""
        return (
            self.x1 * width / SCALE,
            self.y1 * height / SCALE,
            self.x2 * width / SCALE,
            self.y2 * height / SCALE,
        )

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        return self.x1, self.y1, self.x2, self.y2

    @property
    def area(self) -> float:
        """Share of the picture covered, 0..1."""
        return (self.x2 - self.x1) * (self.y2 - self.y1) / SCALE**2

    def clip(self, region: Box) -> Box | None:
        """The part inside `region`; None where the overlap has no area."""
        x1, y1 = max(self.x1, region.x1), max(self.y1, region.y1)
        x2, y2 = min(self.x2, region.x2), min(self.y2, region.y2)
        return Box.of(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1, without the +1 of pixel counting; 0 where both are empty."""
        overlap = self.clip(other)
        shared = overlap.area if overlap else 0.0
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0
