"""What is to be done with a video: the tool calls of every shot, and why each rule fired or lost."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Frozen


class Step(StrEnum):
    """Kinds of work in the one order in which they may follow each other.

    Fields before anything that mixes lines, blocks before noise that hides them, noise before what would enhance
    it, tone before sharpening, size and dynamic range last.
    """

    DEINTERLACE = "deinterlace"
    DEBLOCK = "deblock"
    DENOISE = "denoise"
    DEBAND = "deband"
    EXPOSURE = "exposure"
    COLOUR = "colour"
    SHARPEN = "sharpen"
    UPSCALE = "upscale"
    HDR = "hdr"

    @property
    def rank(self) -> int:
        return list(Step).index(self)


class Rung(Frozen):
    """The parameters of a tool at one strength."""

    strength: Severity
    parameters: Mapping[str, float]


class ToolCall(Frozen):
    """A tool with its parameters and the reasons for it.

    strength: the rung of the rule's ladder. rule, findings: ids of what asks for it (no findings: a property of the
    video does). lowers, risks: findings that should go down, and that may come up. weaker: what may be tried instead
    if this is too much, the next weaker one first.
    """

    tool: str
    step: Step
    parameters: Mapping[str, float]
    strength: Severity
    rule: str
    findings: tuple[str, ...] = ()
    why: str
    lowers: tuple[DistortionType, ...] = ()
    risks: tuple[DistortionType, ...] = ()
    weaker: tuple[Rung, ...] = ()

    def weakened(self) -> ToolCall | None:
        """The call one rung weaker; None where there is no weaker one."""
        if not self.weaker:
            return None
        rung, *rest = self.weaker
        return self.model_copy(
            update={"strength": rung.strength, "parameters": rung.parameters, "weaker": tuple(rest)}
        )


class Fired(Frozen):
    """A rule that decided. tool: None where it decided to leave things as they are."""

    rule: str
    tool: str | None
    strength: Severity
    findings: tuple[str, ...] = ()
    why: str


class Lost(Frozen):
    """A rule that was concerned and did not decide. to: the rule that was preferred, where it was one."""

    rule: str
    tool: str | None
    findings: tuple[str, ...] = ()
    why: str
    to: str | None = None


class Decision(Frozen):
    """Calls in canonical order, and the rules behind them in the order in which they were asked."""

    calls: tuple[ToolCall, ...] = ()
    fired: tuple[Fired, ...] = ()
    lost: tuple[Lost, ...] = ()


class Choice(Frozen):
    """Which way of doing what rules ask for was taken in a shot.

    policy: who chose. arm: one of `arms`, as `finesight.video.exploring` names them. propensity: the chance that it
    had. shadow: what a policy that only watches would have taken.
    """

    policy: str = "rules"
    arm: str
    arms: tuple[str, ...]
    propensity: float = Field(default=1.0, gt=0, le=1)
    shadow: str | None = None


class ShotPlan(Decision):
    """What is done with a shot; its calls are those of the whole video and its own.

    unanswered: ids of findings about which no rule decided. diagnosed: whether any frame of it was. choice: where
    rules ask for something, in which way it is done.
    """

    shot: int = Field(ge=0)
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    unanswered: tuple[str, ...] = ()
    diagnosed: bool = True
    choice: Choice | None = None


class Plan(Frozen):
    """What is done with a video. rules: digest of the rule set; ffmpeg: version of the one that was asked.

    whole: what was decided for all shots alike (what changes the size or the fields of a video cannot change in it).
    """

    schema_version: int = 1
    video: str
    rules: str
    ffmpeg: str
    whole: Decision
    shots: tuple[ShotPlan, ...]
