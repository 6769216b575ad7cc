"""One attempt at a shot: what was known of it, what was done, by what chance, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from finesight.schema.plan import ToolCall
from finesight.schema.verdict import Regression, ShotEvidence
from finesight.schema.video import Frozen

LEFT = "left"
"""The outcome of a shot for which rules asked for something and nothing was done."""


class Attempt(Frozen):
    """A shot tried once.

    id: the same for the same attempt, so that none counts twice. at: UTC, ISO 8601. mark: of the source's content.
    round: 0 the first try. policy: who chose; arm: which way of doing the plan, of `arms`; propensity: the chance it
    had, for the first try; shadow: what a policy that only watches would have chosen. outcome: as `Outcome`, or
    "left". reward: of a first try, with what its retries came to (`finesight.video.feedback`). key_before,
    key_after: the finding that was to fall, as "Noise severe". failed: names of the checks that did.
    """

    id: str
    at: str
    video: str
    mark: str
    shot: int = Field(ge=0)
    start: float
    seconds: float
    round: int = Field(ge=0)
    policy: str
    arm: str
    arms: tuple[str, ...] = ()
    propensity: float | None = Field(default=None, gt=0, le=1)
    shadow: str | None = None
    tools: tuple[str, ...] = ()
    outcome: str
    reward: float | None = None
    key_before: str = ""
    key_after: str = ""
    failed: tuple[str, ...] = ()
    worse: tuple[Regression, ...] = ()
    features: Mapping[str, float]
    calls: tuple[ToolCall, ...] = ()
    evidence: ShotEvidence | None = None
    versions: Mapping[str, str] = Field(default_factory=dict)
