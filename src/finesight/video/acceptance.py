"""Evidence to a verdict: named checks in three gates, and what follows from them. Pure.

What fails the first gate is rolled back; what fails the second is tried more weakly, while that is possible; what
fails the third is no better than before, so that the source is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from finesight.schema.plan import Step, ToolCall
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.verdict import (
    Check,
    Evidence,
    Gate,
    Improvement,
    Outcome,
    Regression,
    ShotEvidence,
    ShotVerdict,
    Verdict,
)
from finesight.schema.video import VideoFinding
from finesight.video import structure_checks
from finesight.video.limits import LEAST_PART, LOW_PART, Limits, LimitSet
from finesight.video.weakening import can_weaken

FALLS_BY = 0.2
"""Part by which flicker or combs must fall, where nothing else was to be improved."""
MIDDLE = 0.42
"""Median luma of a picture that is neither dark nor bright: 18 % grey is .46, photographs have .39; ours."""
_ROUNDING = 1e-6

_fidelity = partial(Check, gate=Gate.FIDELITY)
_improvement = partial(Check, gate=Gate.IMPROVEMENT)


def judge(evidence: Evidence, limits: LimitSet, attempt: int = 0) -> Verdict:
    """The verdict on a video and each of its shots.

    Args:
        attempt: how often the plan has been weakened already.
    """
    checks = structure_checks.of_files(evidence)
    whole = all(check.passed for check in checks)
    shots = tuple(_judge_shot(shot, evidence, limits, attempt, whole) for shot in evidence.shots)
    return Verdict(
        source=evidence.source.video.path,
        processed=evidence.processed.video.path,
        outcome=_of_video(shots) if whole else "rejected",
        checks=checks,
        shots=shots,
    )


def regressions(asked: Improvement | None) -> tuple[Regression, ...]:
    """Types that are worse than before, in the order of the taxonomy; nothing where one side is not known."""
    if asked is None or asked.before is None or asked.after is None:
        return ()
    before, after = _severities(asked.before), _severities(asked.after)
    return tuple(
        Regression(type=type_, before=before.get(type_), after=after[type_])
        for type_ in DistortionType
        if type_ in after and after[type_].rank > _rank(before.get(type_))
    )


def relieved(asked: Improvement | None) -> tuple[DistortionType, ...]:
    """Types that are less severe than before, in the order of the taxonomy; none where one side is not known."""
    if asked is None or asked.before is None or asked.after is None:
        return ()
    before, after = _severities(asked.before), _severities(asked.after)
    return tuple(type_ for type_ in DistortionType if _rank(after.get(type_)) < _rank(before.get(type_)))


def _judge_shot(
    shot: ShotEvidence, evidence: Evidence, limits: LimitSet, attempt: int, whole: bool
) -> ShotVerdict:
    found = limits.of(call.tool for call in shot.calls)
    checks = (*structure_checks.of_shot(shot), *_fidelity_checks(shot, found), *_improvement_checks(shot))
    failed = {check.gate for check in checks if not check.passed}
    if not whole or Gate.STRUCTURE in failed:
        outcome = Outcome.ROLLED_BACK
    elif Gate.FIDELITY in failed:
        possible = can_weaken(shot.calls, evidence.whole, attempt)
        outcome = Outcome.WEAKEN if possible else Outcome.ROLLED_BACK
    else:
        outcome = Outcome.NO_BENEFIT if Gate.IMPROVEMENT in failed else Outcome.ACCEPTED
    return ShotVerdict(
        shot=shot.shot,
        outcome=outcome,
        untouched=not shot.calls,
        checks=checks,
        regressions=regressions(shot.improvement),
        relieved=relieved(shot.improvement),
    )


def _of_video(shots: Sequence[ShotVerdict]) -> Literal["accepted", "partly", "rejected"]:
    """By the shots for which something was done; one that was left alone counts when it fails all the same."""
    counted = [shot.outcome is Outcome.ACCEPTED for shot in shots if not _idle(shot)]
    if all(counted):
        return "accepted"
    return "partly" if any(counted) else "rejected"


def _idle(shot: ShotVerdict) -> bool:
    return shot.untouched and shot.outcome is Outcome.ACCEPTED


# Gate B


def _fidelity_checks(shot: ShotEvidence, limits: Limits) -> Iterator[Check]:
    yield from _vmaf_checks(shot, limits)
    change = shot.change
    yield _at_most("colour", change.colour, limits.colour, limits.why)
    yield _at_most("brightness", change.brightness, limits.brightness, limits.why)
    least, most = limits.detail
    yield _fidelity(
        name="detail",
        value=change.detail,
        limit=f"{least:.3g} .. {most:.3g}",
        passed=least <= change.detail <= most,
        why="less is smoothed away, more is sharpened too much",
    )
    grown = round(max(0.0, change.flicker[1] - change.flicker[0]), 4)
    yield _at_most("flicker", grown, limits.flicker, "brightness must not jump more than it did")
    if shot.improvement and shot.improvement.before is not None and shot.improvement.after is not None:
        new = [one for one in regressions(shot.improvement) if one.before is None and one.after.rank > 1]
        yield _fidelity(
            name="new findings",
            value=", ".join(f"{one.type} {one.after}" for one in new) or "none",
            limit="none above minor",
            passed=not new,
            why="to mend one flaw must not make another",
        )


def _vmaf_checks(shot: ShotEvidence, limits: Limits) -> Iterator[Check]:
    for model, scores in shot.fidelity.items():
        floor = limits.floor(model)
        parts = (
            ("mean", scores.harmonic, 1),
            ("low", scores.low, LOW_PART),
            ("least", scores.least, LEAST_PART),
        )
        for name, value, part in parts:
            limit = floor * part
            yield _fidelity(
                name=f"VMAF {model} {name}",
                value=value,
                limit=f"at least {limit:.1f}",
                passed=value >= limit - _ROUNDING,
                why=limits.why,
            )


def _at_most(name: str, value: float, most: float, why: str) -> Check:
    return _fidelity(
        name=name, value=value, limit=f"at most {most:.3g}", passed=value <= most + _ROUNDING, why=why
    )


# Gate C


def _improvement_checks(shot: ShotEvidence) -> Iterator[Check]:
    """Nothing for a shot for which nothing was called, or whose findings nobody has looked for."""
    asked = shot.improvement
    if asked is None or not shot.calls:
        return
    if asked.before is None or asked.after is None:
        side = "source" if asked.before is None else "processed shot"
        yield _improvement(
            name="KEY",
            value="not known",
            limit="less severe",
            passed=False,
            why=f"no frame of the {side} has a diagnosis, so that nothing shows a benefit",
        )
        return
    target = _target(asked.before, shot.calls)
    yield _measured(shot) if target is None else _less_severe(target, asked.after)
    if any(call.step is Step.EXPOSURE for call in shot.calls):
        yield _nearer_the_middle(shot.change.light)
    worse = regressions(asked)
    yield _improvement(
        name="nothing worse",
        value=", ".join(f"{one.type} {one.before or 'none'} -> {one.after}" for one in worse) or "nothing",
        limit="nothing",
        passed=not worse,
        why="one flaw less must not be paid for with another",
    )


def _target(before: Sequence[VideoFinding], calls: Sequence[ToolCall]) -> VideoFinding | None:
    """The finding that should be less severe: the KEY; where no call is against it, the worst that one is against."""
    treated = {type_ for call in calls for type_ in call.lowers}
    key = next((finding for finding in before if finding.key), None)
    meant = [finding for finding in before if finding.type in treated]
    if key is None or (key.type not in treated and meant):
        return max(meant or before, key=lambda finding: finding.severity.rank, default=None)
    return key


def _less_severe(target: VideoFinding, after: Sequence[VideoFinding]) -> Check:
    now = _severities(after).get(target.type)
    return _improvement(
        name="KEY" if target.key else "treated finding",
        value=f"{target.type} {target.severity} -> {now or 'none'}",
        limit=f"below {target.severity}",
        passed=_rank(now) < target.severity.rank,
        why="what was treated must be less severe, else the source is as good",
    )


def _nearer_the_middle(light: tuple[float, float]) -> Check:
    """What a model calls dark or bright is so by measure too: else brightening leads away from the middle."""
    before, after = (abs(one - MIDDLE) for one in light)
    return _improvement(
        name="light",
        value=f"{light[0]:.2f} -> {light[1]:.2f}",
        limit=f"nearer to {MIDDLE}",
        passed=after < before,
        why="a shot that was not dark is not to be brightened, nor one that was not bright darkened",
    )


def _measured(shot: ShotEvidence) -> Check:
    """What stands for a KEY where there was no finding: flicker or combs, one of which must fall."""
    pairs = {"flicker": shot.change.flicker, "combing": shot.change.combing}
    fallen = [name for name, (before, after) in pairs.items() if after < (1 - FALLS_BY) * before]
    return _improvement(
        name="signals",
        value=", ".join(f"{name} {before:.4g} -> {after:.4g}" for name, (before, after) in pairs.items()),
        limit=f"one falls by {FALLS_BY:.0%}",
        passed=bool(fallen),
        why="there was no finding to mend, so that what is measured must be better",
    )


def _severities(findings: Sequence[VideoFinding]) -> Mapping[DistortionType, Severity]:
    """The worst severity of each type."""
    return {f.type: f.severity for f in sorted(findings, key=lambda finding: finding.severity.rank)}


def _rank(severity: Severity | None) -> int:
    return severity.rank if severity else 0
