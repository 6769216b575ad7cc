"""A judged run to attempts: of each shot what was known, done and found, with what it was worth. Pure.

The reward of a first try is what choosing it came to, with the tries that followed it: the ranks by which the finding
that was to fall has fallen, over 3 (a third where flicker or combs have), less a tenth for each try that was put
back, for encoding and judging it was for nothing. To leave a shot as it is is worth 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from finesight.schema.acceptance import Acceptance, Round, ShotAcceptance
from finesight.schema.feedback import LEFT, Attempt
from finesight.schema.plan import Choice, Plan, ShotPlan
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.verdict import Check, Gate, Outcome, ShotEvidence, ShotVerdict
from finesight.schema.video import ShotAnalysis, Timeline, Video
from finesight.video.exploring import LEAVE, PLANNED

FOR_NOTHING = 0.1
_MOST = max(severity.rank for severity in Severity)


class Judged(NamedTuple):
    """A run that was judged. mark: of the source's content; versions: of what worked on it; at: when, UTC."""

    timeline: Timeline
    plan: Plan
    acceptance: Acceptance
    mark: str
    versions: Mapping[str, str]
    at: str


def attempts_of(run: Judged) -> Iterator[Attempt]:
    """The attempts at all shots for which something was asked, in the order of the rounds."""
    analysed = {one.shot.index: one for one in run.timeline.shots}
    planned = {shot.shot: shot for shot in run.plan.shots}
    last = {shot.shot: shot for shot in run.acceptance.shots}
    for one in run.acceptance.rounds:
        verdicts = {shot.shot.index: shot for shot in one.verdict.shots}
        for evidence in one.evidence.shots:
            index = evidence.shot.index
            left = one.number == 0 and _left(planned[index])
            if left or evidence.improvement is not None:
                yield _attempt(
                    run, one, evidence, verdicts[index], analysed[index], planned[index], last[index]
                )


def features_of(shot: ShotAnalysis, video: Video) -> dict[str, float]:
    """What is known of a shot before anything is done with it, as numbers by name.

    Of each type its severity (0 none .. 3 severe) and the share of frames that show it; signals, score, length; of
    the video its height, bits and rate.
    """
    known = {f"severity {type_}": 0.0 for type_ in DistortionType}
    known |= {f"share {type_}": 0.0 for type_ in DistortionType}
    for finding in shot.findings:
        known[f"severity {finding.type}"] = float(finding.severity.rank)
        known[f"share {finding.type}"] = finding.share
    known |= {f"signal {name}": value for name, value in shot.signals.items()}
    known |= {"score": shot.score} if shot.score is not None else {}
    seconds = shot.shot.end - shot.shot.start
    return known | {
        "seconds": seconds,
        "height": float(video.height),
        "bits": float(video.bit_depth),
        "rate": video.rate,
    }


def reward_of(shot: ShotAcceptance, gained: float) -> float:
    """What the first choice for a shot was worth, by what its tries came to.

    Args:
        gained: of the try that was accepted, 0..1.
    """
    accepted = shot.outcome is Outcome.ACCEPTED and shot.attempts > 0
    put_back = shot.attempts - accepted
    return round((gained if accepted else 0.0) - FOR_NOTHING * put_back, 6)


def gain_of(checks: Sequence[Check]) -> float:
    """Of an accepted shot, by its checks: ranks of severity that fell, over 3."""
    told = next(
        (check for check in checks if check.gate is Gate.IMPROVEMENT and " -> " in str(check.value)), None
    )
    if told is None:
        return 0.0
    if told.name == "signals":
        return 1 / _MOST
    before, now = (_rank(part) for part in str(told.value).split(" -> "))
    return (before - now) / _MOST


def _attempt(
    run: Judged,
    one: Round,
    evidence: ShotEvidence,
    verdict: ShotVerdict,
    analysed: ShotAnalysis,
    planned: ShotPlan,
    last: ShotAcceptance,
) -> Attempt:
    first = one.number == 0
    choice = planned.choice or Choice(arm=PLANNED, arms=(PLANNED,))
    left = first and _left(planned)
    before, _, after = _target(verdict.checks).partition(" -> ")
    told = json.dumps([run.mark, one.key, one.file, one.number, planned.shot])
    return Attempt(
        id=hashlib.sha256(told.encode()).hexdigest()[:32],
        at=run.at,
        video=run.acceptance.source,
        mark=run.mark,
        shot=planned.shot,
        start=planned.start,
        seconds=round(planned.end - planned.start, 6),
        round=one.number,
        policy=choice.policy if first else "acceptance",
        arm=choice.arm if first else "weakened",
        arms=choice.arms if first else (),
        propensity=choice.propensity if first else None,
        shadow=choice.shadow if first else None,
        tools=tuple(call.tool for call in evidence.calls),
        outcome=LEFT if left else verdict.outcome.value,
        reward=None if not first else 0.0 if left else _worth(run, last),
        key_before=before,
        key_after=f"{before.rpartition(' ')[0]} {after}" if after and after != "none" else after,
        failed=tuple(check.name for check in verdict.checks if not check.passed),
        worse=verdict.regressions,
        features=features_of(analysed, run.timeline.video),
        calls=evidence.calls,
        evidence=evidence,
        versions=run.versions,
    )


def _worth(run: Judged, last: ShotAcceptance) -> float:
    """Of a video that was rejected as a whole nothing is gained."""
    return reward_of(last, gain_of(last.decided.checks) if run.acceptance.output else 0.0)


def _left(planned: ShotPlan) -> bool:
    return planned.choice is not None and planned.choice.arm == LEAVE


def _target(checks: Sequence[Check]) -> str:
    return next((str(check.value) for check in checks if check.name in ("KEY", "treated finding")), "")


def _rank(told: str) -> int:
    """The rank of the severity at the end of a text; 0 for none."""
    return next((s.rank for s in Severity if told.endswith(s.value)), 0)
