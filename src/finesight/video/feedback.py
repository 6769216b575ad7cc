"""A judged run to attempts: of each shot what was known, done and found, with what it was worth. Pure.

The reward of a first try is what choosing it came to, with the tries that followed it: the ranks by which the finding
that was to fall has fallen, over 3 (a third where flicker or combs have), less a tenth for each try that was put
back, for encoding and judging it was for nothing. To leave a shot as it is is worth 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
    """A run that was judged.

    acceptance: None where nothing was called. mark: of the source's content; versions: of what worked on it; at: UTC.
    """

    timeline: Timeline
    plan: Plan
    acceptance: Acceptance | None
    mark: str
    versions: Mapping[str, str]
    at: str


def attempts_of(run: Judged) -> Iterator[Attempt]:
    """The attempts at all shots for which something was asked: those that were left, then round by round."""
    analysed = {one.shot.index: one for one in run.timeline.shots}
    planned = {shot.shot: shot for shot in run.plan.shots}
    left = {shot.shot for shot in run.plan.shots if shot.choice is not None and shot.choice.arm == LEAVE}
    for shot in run.plan.shots:
        if shot.choice is not None and shot.shot in left:
            yield _left(run, analysed[shot.shot], shot, shot.choice)
    if run.acceptance is None:
        return
    last = {shot.shot: shot for shot in run.acceptance.shots}
    for one in run.acceptance.rounds:
        verdicts = {shot.shot.index: shot for shot in one.verdict.shots}
        for evidence in one.evidence.shots:
            index = evidence.shot.index
            if evidence.improvement is not None and index not in left:
                gained = gain_of(last[index].decided.checks) if run.acceptance.output else 0.0
                reward = reward_of(last[index], gained) if one.number == 0 else None
                yield _tried(run, one, evidence, verdicts[index], analysed[index], planned[index], reward)


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


def _left(run: Judged, analysed: ShotAnalysis, planned: ShotPlan, choice: Choice) -> Attempt:
    """A shot for which rules asked for something, and that was left as it was; worth nothing, and no loss."""
    return Attempt(
        id=_id(run.mark, LEFT, planned.shot, *sorted(run.versions.values())),
        **_known(run, analysed, planned),
        round=0,
        policy=choice.policy,
        arm=choice.arm,
        arms=choice.arms,
        propensity=choice.propensity,
        shadow=choice.shadow,
        outcome=LEFT,
        reward=0.0,
    )


def _tried(
    run: Judged,
    one: Round,
    evidence: ShotEvidence,
    verdict: ShotVerdict,
    analysed: ShotAnalysis,
    planned: ShotPlan,
    reward: float | None,
) -> Attempt:
    first = one.number == 0
    choice = planned.choice or Choice(arm=PLANNED, arms=(PLANNED,))
    before, _, after = _target(verdict.checks).partition(" -> ")
    return Attempt(
        id=_id(run.mark, one.key, one.file, one.number, planned.shot),
        **_known(run, analysed, planned),
        round=one.number,
        policy=choice.policy if first else "acceptance",
        arm=choice.arm if first else "weakened",
        arms=choice.arms if first else (),
        propensity=choice.propensity if first else None,
        shadow=choice.shadow if first else None,
        tools=tuple(call.tool for call in evidence.calls),
        outcome=verdict.outcome.value,
        reward=reward,
        key_before=before,
        key_after=f"{before.rpartition(' ')[0]} {after}" if after and after != "none" else after,
        failed=tuple(check.name for check in verdict.checks if not check.passed),
        worse=verdict.regressions,
        calls=evidence.calls,
        evidence=evidence,
    )


def _known(run: Judged, analysed: ShotAnalysis, planned: ShotPlan) -> dict[str, Any]:
    """What holds for every attempt at a shot."""
    return {
        "at": run.at,
        "video": run.timeline.video.path,
        "mark": run.mark,
        "shot": planned.shot,
        "start": planned.start,
        "seconds": round(planned.end - planned.start, 6),
        "features": features_of(analysed, run.timeline.video),
        "versions": run.versions,
    }


def _id(*told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _target(checks: Sequence[Check]) -> str:
    return next((str(check.value) for check in checks if check.name in ("KEY", "treated finding")), "")


def _rank(told: str) -> int:
    """The rank of the severity at the end of a text; 0 for none."""
    return next((s.rank for s in Severity if told.endswith(s.value)), 0)
