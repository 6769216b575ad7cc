"""What follows from a round of judging: what is made next, and when there is nothing left to do. Pure.

A shot that goes too far is tried one rung weaker, and one that is no better with those of its calls that helped. One
that fails, or is still no better, is put back to what is called for the whole video and looked at once more as it
stands. Where even that fails, nothing is called for the whole video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from finesight.schema.acceptance import ShotAcceptance
from finesight.schema.plan import Decision, Plan, ShotPlan, ToolCall
from finesight.schema.verdict import Check, Gate, Outcome, ShotVerdict, Verdict
from finesight.video.weakening import narrowed, weakened


class Standing(NamedTuple):
    """Where things stand between two rounds.

    plan: what is to be made. open: shots that are to be judged. check: shots that were put back, to be looked at as
    they stand; put_back: what was called for them. decided, kept, attempts: as of `ShotAcceptance`, by number of the
    shot. number: of rounds so far. checks: of the file in the last one. refused: the file is not the same film.
    """

    plan: Plan
    open: frozenset[int]
    check: frozenset[int] = frozenset()
    put_back: Mapping[int, tuple[ToolCall, ...]] = {}
    decided: Mapping[int, ShotVerdict] = {}
    kept: Mapping[int, ShotVerdict] = {}
    attempts: Mapping[int, int] = {}
    number: int = 0
    checks: tuple[Check, ...] = ()
    refused: bool = False

    @property
    def ended(self) -> bool:
        return self.refused or not (self.open or self.check)


class Conclusion(NamedTuple):
    """The last word. useful: something that was called stands in the file, so that it is more than a copy."""

    outcome: Literal["accepted", "partly", "rejected"]
    useful: bool
    shots: tuple[ShotAcceptance, ...]


def begin(plan: Plan) -> Standing:
    """Before the first round: every shot is open."""
    return Standing(plan, frozenset(shot.shot for shot in plan.shots))


def after(standing: Standing, verdict: Verdict) -> Standing:
    """What a round of judging leads to."""
    judged = {shot.shot.index: shot for shot in verdict.shots}
    whole = all(check.passed for check in verdict.checks)
    now = standing._replace(open=frozenset(), check=frozenset(), checks=verdict.checks)
    now = now._replace(number=standing.number + 1)
    for index in sorted(standing.check):
        now = now._replace(kept={**now.kept, index: judged[index]})
    for index in sorted(standing.open):
        now = _decide(now, judged[index], standing.number)
    if not whole:
        return _refused(now, judged)
    failing = [index for index, shot in judged.items() if _fails(shot, standing)]
    if failing and standing.plan.whole.calls:
        return _or_hopeless(_withdrawn(now, judged, failing[0]))
    return _refused(now, judged) if failing else _or_hopeless(now)


def conclude(standing: Standing, planned: Plan) -> Conclusion:
    """The last word on a video whose rounds have ended.

    Args:
        planned: the plan as it was before any round.
    """
    calls = {shot.shot: shot.calls for shot in standing.plan.shots}
    shots = tuple(_last_word(standing, shot, calls[shot.shot]) for shot in planned.shots)
    counted = [
        shot.outcome is Outcome.ACCEPTED
        for shot in shots
        if shot.asked or shot.outcome is not Outcome.ACCEPTED
    ]
    if standing.refused or (counted and not any(counted)):
        return Conclusion("rejected", False, shots)
    return Conclusion("accepted" if all(counted) else "partly", any(counted), shots)


def _decide(now: Standing, shot: ShotVerdict, attempt: int) -> Standing:
    """A shot that was open: decided, or tried again with less."""
    index, plan = shot.shot.index, now.plan
    mine = _of(plan, index)
    if mine.calls:
        now = now._replace(attempts={**now.attempts, index: now.attempts.get(index, 0) + 1})
    if less := _less(mine, shot, plan.whole.calls, attempt):
        return now._replace(plan=_with(plan, less), open=now.open | {index})
    now = now._replace(decided={**now.decided, index: shot})
    base = plan.whole.calls
    if shot.outcome is Outcome.ACCEPTED or mine.calls == base:
        return now
    back = mine.model_copy(update={"calls": base})
    put_back = {**now.put_back, index: mine.calls}
    return now._replace(plan=_with(plan, back), check=now.check | {index}, put_back=put_back)


def _less(mine: ShotPlan, shot: ShotVerdict, whole: Sequence[ToolCall], attempt: int) -> ShotPlan | None:
    """What is tried next of a shot; None where nothing is, as it is accepted or there is nothing left to try."""
    if shot.outcome is Outcome.WEAKEN:
        return weakened(mine, whole, attempt)
    return narrowed(mine, shot.relieved, whole) if shot.outcome is Outcome.NO_BENEFIT else None


def _fails(shot: ShotVerdict, standing: Standing) -> bool:
    """Whether a shot fails that can be put back no further, or that was accepted and is another film now.

    What only coding has done to a shot for which nothing is called does not count here.
    """
    index = shot.shot.index
    calls, base = _of(standing.plan, index).calls, standing.plan.whole.calls
    other_film = any(check.gate is Gate.STRUCTURE and not check.passed for check in shot.checks)
    if index in standing.open or index in standing.check:
        return calls == base and shot.outcome is Outcome.ROLLED_BACK and (other_film or bool(base))
    return other_film


def _withdrawn(now: Standing, judged: Mapping[int, ShotVerdict], because: int) -> Standing:
    """Nothing is called for the whole video any more; shots with calls of their own are judged anew."""
    base = now.plan.whole.calls
    asked = {shot.shot: now.put_back.get(shot.shot, shot.calls) for shot in now.plan.shots}
    shots = {index: tuple(call for call in calls if call not in base) for index, calls in asked.items()}
    plans = tuple(shot.model_copy(update={"calls": shots[shot.shot]}) for shot in now.plan.shots)
    plan = now.plan.model_copy(update={"whole": Decision(lost=now.plan.whole.lost), "shots": plans})
    said = Check(
        gate=Gate.STRUCTURE,
        name="whole video",
        value=", ".join(call.tool for call in base),
        limit="fails in no shot",
        passed=False,
        why=f"what is done to all shots alike fails in shot {because}",
    )
    lost = {
        index: _given_up(now.decided.get(index, shot), said)
        for index, shot in judged.items()
        if not shots[index]
    }
    return now._replace(
        plan=plan,
        open=frozenset(index for index, calls in shots.items() if calls),
        check=frozenset(lost),
        decided={**now.decided, **lost},
        kept={},
        put_back={},
    )


def _given_up(shot: ShotVerdict, said: Check) -> ShotVerdict:
    return shot.model_copy(update={"outcome": Outcome.ROLLED_BACK, "checks": (*shot.checks, said)})


def _refused(now: Standing, judged: Mapping[int, ShotVerdict]) -> Standing:
    """Ended: what was not decided yet is rolled back with all else."""
    left = {i: judged[i].model_copy(update={"outcome": Outcome.ROLLED_BACK}) for i in now.open}
    return now._replace(refused=True, open=frozenset(), decided={**now.decided, **left})


def _or_hopeless(now: Standing) -> Standing:
    """Ended where something was called, nothing of it is accepted, and nothing can be tried: no file is made then."""
    tried = [shot.outcome for index, shot in now.decided.items() if now.attempts.get(index)]
    if now.open or not tried or Outcome.ACCEPTED in tried:
        return now
    return now._replace(check=frozenset())


def _last_word(standing: Standing, planned: ShotPlan, calls: tuple[ToolCall, ...]) -> ShotAcceptance:
    decided = standing.decided[planned.shot]
    return ShotAcceptance(
        shot=planned.shot,
        outcome=decided.outcome,
        asked=planned.calls,
        calls=calls,
        attempts=standing.attempts.get(planned.shot, 0),
        decided=decided,
        kept=standing.kept.get(planned.shot),
    )


def _of(plan: Plan, index: int) -> ShotPlan:
    return next(shot for shot in plan.shots if shot.shot == index)


def _with(plan: Plan, one: ShotPlan) -> Plan:
    shots = tuple(one if shot.shot == one.shot else shot for shot in plan.shots)
    return plan.model_copy(update={"shots": shots})
