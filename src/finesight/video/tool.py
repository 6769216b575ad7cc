"""What a tool is: a filter of ffmpeg with ranges for its parameters, and what a rule has to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Literal

from pydantic import Field, model_validator

from finesight.schema.plan import Step
from finesight.schema.taxonomy import DistortionType
from finesight.schema.video import Frozen
from finesight.video.frame_makers import spec_of

MARKS = "[[{}]]"
"""Around a model among filters; no filter graph has two brackets together."""
_MAKER_BITS = 8


class Parameter(Frozen):
    """A number that a tool takes: least..most, and what it is where nothing is said.

    stronger: whether more of it or less of it is the stronger treatment; `none`: neither, so that it has to be the
    same at every strength.
    """

    least: float
    most: float
    default: float
    kind: Literal["number", "whole", "odd"] = "number"
    stronger: Literal["more", "less", "none"] = "more"
    says: str

    def complaint(self, value: float) -> str | None:
        """What is wrong with a value; None where nothing is."""
        if not self.least <= value <= self.most:
            return f"is {value:g}; give {self.least:g} to {self.most:g}"
        if self.kind != "number" and value != int(value):
            return f"is {value:g}; give a whole number"
        if self.kind == "odd" and value % 2 == 0:
            return f"is {value:g}; give an odd number"
        return None

    def no_weaker(self, value: float, than: float) -> bool:
        """Whether a value treats at least as strongly as another."""
        return {"more": value >= than, "less": value <= than, "none": value == than}[self.stronger]


class Tool(Frozen):
    """An ffmpeg filter, or several that belong together, or a model, and what a rule has to know of it.

    filter: with {name} where a parameter goes. maker: instead of a filter, the import string of what makes a model
    (`frame_makers`), which is called with the parameters. treats, harms: findings that it takes down, and that it
    may bring up. conflicts: tools that must not be used beside it. radius: frames before and after the one that it
    looks at. fps: of 720p a second of CPU time, measured with the defaults. bits: depth above which it would round
    the picture. tagged: it needs the colour tags of its input. resizes: its output has another size, so that all
    shots have it or none.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    step: Step
    says: str
    filter: str = ""
    maker: str = ""
    parameters: Mapping[str, Parameter] = {}
    treats: tuple[DistortionType, ...] = ()
    harms: tuple[DistortionType, ...] = ()
    conflicts: tuple[str, ...] = ()
    radius: int = Field(default=0, ge=0)
    fps: float = Field(gt=0)
    bits: int = 16
    tagged: bool = False
    resizes: bool = False

    @model_validator(mode="after")
    def _filled(self) -> Tool:
        if bool(self.filter) == bool(self.maker):
            raise ValueError(f"{self.name}: has a filter or a maker, one of them")
        if self.maker and self.bits > _MAKER_BITS:
            raise ValueError(f"{self.name}: a maker is given {_MAKER_BITS} bits; say bits={_MAKER_BITS}")
        if self.maker:
            return self._checked()
        fields = {name for _, name, _, _ in Formatter().parse(self.filter) if name is not None}
        if fields != set(self.parameters):
            raise ValueError(
                f"{self.name}: the filter has {sorted(fields)}, the parameters are {sorted(self.parameters)}"
            )
        return self._checked()

    def _checked(self) -> Tool:
        wrong = [f"{n} {said}" for n, p in self.parameters.items() if (said := p.complaint(p.default))]
        if wrong:
            raise ValueError(f"{self.name}: default of {'; '.join(wrong)}")
        return self

    def filled(self, parameters: Mapping[str, float]) -> dict[str, float]:
        """All parameters: the given ones, and defaults for the others."""
        return {name: parameters.get(name, one.default) for name, one in self.parameters.items()}

    def graph(self, parameters: Mapping[str, float] = {}) -> str:
        """The filter as ffmpeg is told it; of a model its spec in marks, at which `graph` cuts."""
        if self.maker:
            return MARKS.format(spec_of(self.maker, self.filled(parameters)))
        return self.filter.format(**{name: f"{value:g}" for name, value in self.filled(parameters).items()})

    def clashes(self, other: Tool) -> bool:
        """Whether both must not be used on the same frames; a tool is used once only."""
        return self.name == other.name or other.name in self.conflicts or self.name in other.conflicts
