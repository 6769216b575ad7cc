"""What mining keeps. The article behind this project published no threshold: all numbers here are our own.

docs/mining.md says why they are what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.data.merge.merging import Caps
from finesight.schema.sample import Subclass

Reward = Annotated[float, Field(ge=0, le=1)]
Balance = Literal["both", "subclass", "type", "none"]


class Band(BaseModel):
    """Rewards of a group that can teach: their mean within low..high, both included, their range above epsilon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Reward = Field(default=0.05, description="least mean reward of a group that is kept")
    high: Reward = Field(default=0.95, description="largest mean reward of a group that is kept")
    epsilon: Reward = Field(default=0.05, description="its largest and least reward differ by more than this")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}, so that nothing is between them")
        return self


class SubclassBand(BaseModel):
    """What is another for one subclass; what is not said is as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Reward | None = None
    high: Reward | None = None
    epsilon: Reward | None = None
    budget: int | None = Field(default=None, ge=0, description="most prompts of this subclass")


_OURS: Mapping[Subclass, SubclassBand] = MappingProxyType({Subclass.MCQ: SubclassBand(low=0, high=1)})
"""Choices are right or wrong: whether they can teach is said by their range alone."""


class MiningSettings(Band):
    """Which groups are kept, how choices are merged, and what is drawn where there are more than wanted."""

    unparsed: Reward | None = Field(
        default=0.0, description="what an answer that cannot be read counts as; none: not at all"
    )
    min_scored: int = Field(default=4, ge=2, description="least answers of a group that count")
    subclasses: dict[Subclass, SubclassBand] = Field(
        default={}, description="low, high, epsilon and budget of a subclass, where another"
    )

    # Choices of a picture
    merge_choices: bool = Field(
        default=True, description="those of a picture that were not all right become one prompt"
    )
    all_wrong: bool = Field(default=True, description="those that nobody got right go into it too")
    caps: Caps = Field(default=Caps(questions=8), description="most questions and tokens of such a prompt")

    # Where there are more
    budget: int | None = Field(default=None, ge=1, description="most prompts kept; none keeps all")
    balance: Balance = Field(
        default="both", description="what takes turns until it is spent: subclasses, in them types"
    )
    seed: int = Field(default=0, description="of the draw")

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        for subclass in self.subclasses:
            ends = self._ends(subclass)
            if ends["low"] > ends["high"]:
                raise ValueError(f"subclasses.{subclass}: low {ends['low']} is above high {ends['high']}")
        return self

    def band(self, subclass: Subclass) -> Band:
        """What holds for a subclass: what is said of it, else our own for it, else what is said for all."""
        return Band(**self._ends(subclass))

    def most(self, subclass: Subclass) -> int | None:
        """The budget of a subclass, if it has one."""
        return self._own(subclass).budget

    def _ends(self, subclass: Subclass) -> dict[str, float]:
        general = {"low": self.low, "high": self.high, "epsilon": self.epsilon}
        return general | self._own(subclass).model_dump(exclude_none=True, exclude={"budget"})

    def _own(self, subclass: Subclass) -> SubclassBand:
        ours, theirs = (bands.get(subclass, SubclassBand()) for bands in (_OURS, self.subclasses))
        return ours.model_copy(update=theirs.model_dump(exclude_none=True))
