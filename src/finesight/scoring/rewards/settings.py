"""Weights and shapes of the rewards. bilibili published none: all of these are our own choices."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RewardSettings(BaseModel):
    """What counts how much in a reward; docs/rewards.md has the formulas and why the defaults are what they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="assess, brief_assess: weight of the distortions"
    )
    key: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="assess: weight of the KEY distortions"
    )
    level: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="assess, brief_assess: weight of the quality level",
    )
    hit: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of a box's worth that it earns at IoU .5; the rest is its IoU",
    )
    severity: float = Field(
        default=0.2, ge=0, le=1, description="share of a box's worth that hangs on its severity"
    )
    named_severity: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="brief_assess: share of a name's worth that hangs on its severity",
    )
    level_reach: int = Field(
        default=2, ge=1, le=5, description="steps from the true level at which a level earns nothing"
    )
    excess: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="what is left of the reward of an answer that does not end where it should",
    )
    words: float = Field(
        default=2.0,
        ge=1,
        allow_inf_nan=False,
        description="this many times the reference's words are not too many",
    )
    spare_words: int = Field(default=8, ge=0, description="words that are not too many on top of that")

    @model_validator(mode="after")
    def _something_counts(self) -> RewardSettings:
        if not self.found + self.level:
            raise ValueError("found and level are both 0, so that an answer without key would earn nothing")
        return self
