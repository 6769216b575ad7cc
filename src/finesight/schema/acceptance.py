"""What became of a processed video: every round of judging, and the last word on each shot."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from finesight.schema.hdr import HdrResult
from finesight.schema.plan import ToolCall
from finesight.schema.verdict import Check, Evidence, Outcome, ShotVerdict, Verdict
from finesight.schema.video import Frozen


class Round(Frozen):
    """All shots measured and judged once. key: of what the verdict depends on; file: digest of what was measured."""

    key: str
    number: int = Field(ge=0)
    file: str
    evidence: Evidence
    verdict: Verdict


class ShotAcceptance(Frozen):
    """The last word on a shot.

    outcome: accepted, no benefit or rolled back. asked: what the plan calls; calls: what stands in the output.
    attempts: how often it was judged with something called for it. decided: the verdict that it rests on. kept: of
    a shot that was put back, how it compares with the source since.
    """

    shot: int = Field(ge=0)
    outcome: Outcome
    asked: tuple[ToolCall, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    attempts: int = Field(ge=0)
    decided: ShotVerdict
    kept: ShotVerdict | None = None


class Acceptance(Frozen):
    """The last word on a video.

    key: of what it depends on; mark: digest of the file that was judged last. output: what may take the source's
    place, in the run folder; None: keep the source. checks: of the file as a whole.
    """

    schema_version: int = 1
    key: str
    mark: str
    source: str
    output: str | None
    outcome: Literal["accepted", "partly", "rejected"]
    checks: tuple[Check, ...]
    shots: tuple[ShotAcceptance, ...]
    rounds: tuple[Round, ...]


class ChainResult(Frozen):
    """What came of a video in one go.

    output: None: keep the source. acceptance: None where nothing was called. hdr: where that was the goal.
    """

    schema_version: int = 1
    run: str
    source: str
    output: str | None
    acceptance: Acceptance | None
    hdr: HdrResult | None = None
