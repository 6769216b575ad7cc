"""How much a shot may lose to the tools that were called for it.

The shipped limits are limits.toml beside this module; a file of one's own is put on top of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from finesight.errors import ConfigError
from finesight.schema.video import Frozen

SHIPPED = "limits.toml"
LOW_PART, LEAST_PART = 80 / 93, 50 / 93
"""Optimisarr asks for a harmonic mean of 93, a 5th percentile of 80, a minimum of 50: here in that proportion."""
Score = Annotated[float, Field(strict=True, ge=0, le=100)]
Distance = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Limits(Frozen):
    """What a shot must keep.

    neg, v1: least harmonic mean of VMAF NEG and v1. colour, brightness: most difference, 8-bit code values. detail:
    least and most strength of fine structure over the source's. flicker: most by which it may grow, code values.
    why, source: the reason, and where the numbers are from.
    """

    neg: Score
    v1: Score
    colour: Distance = 2
    brightness: Distance = 2
    detail: tuple[Distance, Distance] = (0.95, 1.05)
    flicker: Distance = 0.5
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        least, most = self.detail
        if not least <= 1 <= most:
            raise ValueError(f"detail is [{least:g}, {most:g}]; give [least, most] with 1 between them")
        return self

    def floor(self, model: str) -> float:
        """The least harmonic mean by the name of a model."""
        return {"neg": self.neg, "v1": self.v1}[model]

    def beside(self, other: Limits) -> Limits:
        """Of two tools on the same frames: parts that are kept multiply, differences add up."""
        return Limits(
            neg=self.neg * other.neg / 100,
            v1=self.v1 * other.v1 / 100,
            colour=self.colour + other.colour,
            brightness=self.brightness + other.brightness,
            detail=(self.detail[0] * other.detail[0], self.detail[1] * other.detail[1]),
            flicker=self.flicker + other.flicker,
            why=f"{self.why}; {other.why}",
            source=f"{self.source}; {other.source}",
        )


class LimitFile(Frozen):
    """A file of limits: of shots for which nothing was called, and by name of the tool."""

    untouched: Limits | None = None
    tool: Mapping[str, Limits] = {}


class LimitSet(Frozen):
    """The limits of shots for which nothing was called, and those of tools."""

    untouched: Limits
    tool: Mapping[str, Limits]

    def of(self, tools: Iterable[str]) -> Limits:
        """What holds for a shot; a tool without limits of its own may change no more than coding does."""
        each = [self.tool.get(name, self.untouched) for name in dict.fromkeys(tools)]
        return reduce(Limits.beside, each) if each else self.untouched


def load_limits(path: Path | None = None) -> LimitSet:
    """The shipped limits, or those of a file on top of them.

    Raises:
        ConfigError: the file cannot be read, or what is in it is no limit; with its place.
    """
    shipped = _shipped()
    if path is None:
        return shipped
    try:
        mine = LimitFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        said = "; ".join(_said(one) for one in error.errors())
        raise ConfigError(f"{path}: {said}; docs/acceptance.md lists the fields") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give a TOML file of limits") from error
    return LimitSet(untouched=mine.untouched or shipped.untouched, tool={**shipped.tool, **mine.tool})


@cache
def _shipped() -> LimitSet:
    text = files("finesight.video").joinpath(SHIPPED).read_text(encoding="utf-8")
    return LimitSet.model_validate(tomllib.loads(text))


def _said(error: Any) -> str:
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
