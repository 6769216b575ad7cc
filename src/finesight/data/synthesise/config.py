"""What a synthesis is told: how many images, how large, which mixture."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from finesight.data.synthesise.film import PARTS
from finesight.schema.taxonomy import Severity

Balance = Literal["published", "tempered", "uniform"]
Variety = Literal["plain", "wide", "film"]
STEPS: dict[Variety, int] = {"plain": 1 + len(Severity), "wide": 1 + len(Severity), "film": 1 + PARTS}
"""Pictures of a series."""


class SynthesisConfig(BaseModel):
    """The recipe of a synthetic set; unknown keys are errors.

    count: images to make. seed: of the whole set. size: long side of every image in pixels.
    workers: processes; the bytes do not depend on it. balance: `published` draws types as often as the
    published table, `uniform` equally often, `tempered` by the root of how often (rare types are learnt, common
    ones stay common). clean_share: share of images left without distortion.
    max_boxes: most distortions planned for one image. variety: `plain` makes each type in one published way, of
    spotless pictures of one size; `wide` in every way of ways.py, of pictures half as large to as large as `size`
    that may have been compressed, softened or grained a little before, as photographs on the web have; `film` of such
    pictures too, but only what making and coding a film does to them, see film.py.
    series: each picture as often as STEPS says, with more of one of its distortions each time (see series.py);
    clean_share does not matter then. low_key: share of the clean pictures that are mostly black, as at night, see
    `sources.low_key`.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    count: int = Field(default=1000, gt=0)
    seed: int = Field(default=0, ge=0)
    size: int = Field(default=448, ge=96, le=4096)
    workers: int = Field(default=1, gt=0)
    balance: Balance = "published"
    clean_share: float = Field(default=0.08, ge=0, le=1)
    max_boxes: int = Field(default=11, ge=1, le=11)
    variety: Variety = "plain"
    low_key: float = Field(default=0, ge=0, le=1)
    series: bool = False

    @property
    def steps(self) -> int:
        """Images that are made of one clean picture."""
        return STEPS[self.variety] if self.series else 1
