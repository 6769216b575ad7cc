"""The six indicators and what stands behind them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from finesight.schema.taxonomy import DistortionType
from finesight.scoring.bootstrap import Interval

INDICATORS = (
    "perception_accuracy",
    "region_map",
    "distortion_map",
    "description_map",
    "key_distortion_accuracy",
    "image_quality_accuracy",
)
"""In the order in which they are summed."""


class Indicators(BaseModel):
    """The challenge's six figures, each in [0, 1], higher is better.

    unparsed: answers the grammar cannot read. skipped: records left out. reasons: why, and why a 0.0 is one.
    """

    model_config = ConfigDict(frozen=True)

    protocol: Literal["official", "strict"]
    perception_accuracy: float
    region_map: float
    distortion_map: float
    description_map: float
    key_distortion_accuracy: float
    image_quality_accuracy: float
    unparsed: int
    skipped: int
    reasons: tuple[str, ...] = ()

    @property
    def final(self) -> float:
        """The plain sum of the six, in [0, 6]."""
        return sum(self.values())

    def values(self) -> tuple[float, ...]:
        """The six, in the order of `INDICATORS`."""
        return tuple(getattr(self, name) for name in INDICATORS)

    def record(self) -> dict[str, Any]:
        """The JSON object of `finesight eval mipi --json`."""
        fields = self.model_dump(mode="json")
        return fields | {"final": self.final}


class StrictIndicators(Indicators):
    """The six under the strict protocol, where `key_distortion_accuracy` is the F1 of the keys.

    missing: questions without an answer, each counted as wrong.
    intervals: 95 % bootstrap over pictures, of the six and of `final`.
    per_type: average precision of every type the truth has, for each of the three mAPs.
    """

    key_precision: float
    key_recall: float
    missing: int
    intervals: dict[str, Interval | None]
    per_type: dict[str, dict[DistortionType, float]]


class Difference(NamedTuple):
    """Between two systems on the same questions: the value and its 95 % interval (None: no picture)."""

    value: float
    interval: Interval | None
