"""Rules: what has to be found for which tool to be used, how strongly, and what speaks against it.

A rule file is TOML (rule_files.py reads it); docs/rules.md lists its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from finesight.schema.taxonomy import DistortionType, Severity, find_severity, find_type
from finesight.schema.video import Frozen
from finesight.video.tool import Tool


def _type(name: Any) -> Any:
    if isinstance(name, str) and (found := find_type(name)) is None:
        raise ValueError(f"no distortion {name!r}; there are {', '.join(DistortionType)}")
    return found if isinstance(name, str) else name


def _severity(name: Any) -> Any:
    if isinstance(name, str) and (found := find_severity(name)) is None:
        raise ValueError(f"no severity {name!r}; there are {', '.join(Severity)}")
    return found if isinstance(name, str) else name


def _range(given: Any) -> Any:
    """`true`, `false` and a number stand for a range of this one value."""
    return {"min": float(given), "max": float(given)} if isinstance(given, (bool, int, float)) else given


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Type = Annotated[DistortionType, BeforeValidator(_type)]
Grade = Annotated[Severity, BeforeValidator(_severity)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class Range(Frozen):
    """Numbers from min to max, both of them in it; an open end where one is not given."""

    min: Number | None = None
    max: Number | None = None

    def holds(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        if self.min == self.max:
            return f"{self.min:g}"
        said = [
            f"{word} {end:g}"
            for word, end in (("at least", self.min), ("at most", self.max))
            if end is not None
        ]
        return " and ".join(said)


Asked = Annotated[Range, BeforeValidator(_range)]


class Condition(Frozen):
    """What has to be so, all of it together.

    types: at least one finding of one of these, that is at least so severe, in such a share of the frames, of such
    an area of the picture, and the KEY one if asked for. signals: of the shot, by name. video, shot: properties.
    """

    types: tuple[Type, ...] = ()
    severity: Grade = Severity.MINOR
    share: Share = 0
    area: Share = 0
    key: Annotated[bool, Field(strict=True)] = False
    signals: Mapping[str, Asked] = {}
    video: Mapping[str, Asked] = {}
    shot: Mapping[str, Asked] = {}


class Guard(Condition):
    """A condition under which a rule is not followed, and why."""

    why: str = Field(min_length=1)


class Ladder(Frozen):
    """Parameters of the tool by how severe the worst finding is; a parameter that is not named has its default."""

    minor: Mapping[str, Number] = {}
    moderate: Mapping[str, Number] = {}
    severe: Mapping[str, Number] = {}

    def at(self, severity: Severity) -> Mapping[str, float]:
        rung: Mapping[str, float] = getattr(self, severity.value)
        return rung


class Rule(Frozen):
    """When this is so and nothing speaks against it, use the tool, or leave things as they are.

    scope: whether it is decided for each shot, or once for the whole video. strength: the rung, where no finding
    gives one. conflicts: rules that must not be followed beside this one; the one that stands first is preferred.
    lowers, risks: what is expected; else what the tool treats of what is asked for, and what it harms.
    """

    id: Id
    why: str = Field(min_length=1)
    tool: str | None = None
    leave: Annotated[bool, Field(strict=True)] = False
    scope: Literal["shot", "video"] = "shot"
    when: Condition
    unless: tuple[Guard, ...] = ()
    strength: Grade | None = None
    ladder: Ladder = Ladder()
    conflicts: tuple[str, ...] = ()
    lowers: tuple[Type, ...] | None = None
    risks: tuple[Type, ...] | None = None

    def expected(self, tool: Tool) -> tuple[tuple[DistortionType, ...], tuple[DistortionType, ...]]:
        """Types that should go down, and types that may come up."""
        meant = tuple(t for t in tool.treats if t in self.when.types)
        lowers = meant if self.lowers is None else self.lowers
        return lowers, tool.harms if self.risks is None else self.risks


class RuleFile(Frozen):
    """A file of rules.

    extends: what it adds to; `nothing` to start anew. off: ids of rules of that which are not wanted. tools: import
    strings of further tools. rule: a rule with the id of another takes its place, all others come before those.
    """

    version: Literal[1] = 1
    extends: Literal["default", "nothing"] = "default"
    off: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    rule: tuple[Rule, ...] = ()


class RuleSet(NamedTuple):
    """Rules in the order in which they are asked, the tools they may call, and a digest of both."""

    rules: tuple[Rule, ...]
    tools: Mapping[str, Tool]
    digest: str
