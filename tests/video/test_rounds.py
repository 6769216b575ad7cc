"""What follows from rounds of judging, whatever is judged: laws over verdicts drawn at random, and cases by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.schema.plan import Decision, Plan, Rung, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.verdict import Check, Gate, Outcome, ShotVerdict, Verdict
from finesight.schema.video import Shot
from finesight.video.rounds import Standing, after, begin, conclude
from finesight.video.weakening import MOST_ATTEMPTS, can_weaken

LOWERS = (T.NOISE, T.LOW_CLARITY, T.UNDEREXPOSURE)
"""What the own calls of a shot are against, in turn."""
MOST_ROUNDS = 2 * (MOST_ATTEMPTS + len(LOWERS) - 1 + 2)
"""Weakened at most twice, a call less each time, put back and looked at, and all of that once more where the whole
is withdrawn."""


def call(name: str, rungs: int, lowers: tuple[T, ...] = ()) -> ToolCall:
    weaker = tuple(Rung(strength=Severity.MINOR, parameters={"by": n}) for n in reversed(range(rungs)))
    return ToolCall(
        tool=name,
        step=Step.DENOISE,
        parameters={"by": rungs},
        strength=Severity.SEVERE,
        rule=name,
        why="",
        weaker=weaker,
        lowers=lowers,
    )


def plan_of(rungs: Sequence[int | None], whole: bool = False, own: int = 1) -> Plan:
    """A shot each; so many weaker rungs have its `own` calls, None: none is called for it."""
    base = (call("whole", 0),) if whole else ()
    calls = [
        base if n is None else (*base, *(call("own", n, (kind,)) for kind in LOWERS[:own])) for n in rungs
    ]
    shots = tuple(ShotPlan(shot=i, start=i, end=i + 1, calls=one) for i, one in enumerate(calls))
    return Plan(video="v", rules="", ffmpeg="", whole=Decision(calls=base), shots=shots)


def check(gate: Gate, passed: bool) -> Check:
    return Check(gate=gate, name=gate, value=0, limit="", passed=passed, why="")


def judged(
    standing: Standing, fails: Mapping[int, Gate | None], whole: bool = True, relieved: Sequence[T] = ()
) -> Verdict:
    """A verdict as `judge` gives it where a shot fails the gate that is said."""
    shots = []
    for one in standing.plan.shots:
        gate = fails.get(one.shot)
        if not one.calls and gate is Gate.IMPROVEMENT:
            gate = None
        possible = can_weaken(one.calls, standing.plan.whole.calls, standing.number)
        outcome = {
            None: Outcome.ACCEPTED,
            Gate.STRUCTURE: Outcome.ROLLED_BACK,
            Gate.FIDELITY: Outcome.WEAKEN if possible else Outcome.ROLLED_BACK,
            Gate.IMPROVEMENT: Outcome.NO_BENEFIT,
        }[gate]
        shots.append(
            ShotVerdict(
                shot=Shot(index=one.shot, start=one.start, end=one.end, first_frame=one.shot, frames=1),
                outcome=outcome if whole else Outcome.ROLLED_BACK,
                untouched=not one.calls,
                checks=tuple(check(g, g is not gate) for g in Gate),
                relieved=tuple(relieved),
            )
        )
    checks = (check(Gate.STRUCTURE, whole),)
    return Verdict(source="", processed="", outcome="partly", checks=checks, shots=tuple(shots))


def rounds(plan: Plan, *fails: Mapping[int, Gate | None]) -> Standing:
    standing = begin(plan)
    for one in fails:
        assert not standing.ended
        standing = after(standing, judged(standing, one))
    return standing


def gammas(standing: Standing) -> list[list[str]]:
    return [[c.tool for c in shot.calls] for shot in standing.plan.shots]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_judged_it_ends_and_only_what_was_accepted_stands(data):
    rungs = data.draw(st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=1, max_size=4))
    plan = plan_of(rungs, data.draw(st.booleans()), data.draw(st.integers(1, len(LOWERS))))
    standing = begin(plan)
    gates = st.sampled_from([None, None, *Gate])
    for _ in range(MOST_ROUNDS):
        if standing.ended:
            break
        fails = {shot.shot: data.draw(gates) for shot in plan.shots}
        helped = data.draw(st.lists(st.sampled_from(LOWERS), unique=True))
        standing = after(standing, judged(standing, fails, data.draw(st.integers(0, 19)) > 0, helped))
    assert standing.ended
    end = conclude(standing, plan)
    assert [shot.shot for shot in end.shots] == [shot.shot for shot in plan.shots]
    assert Outcome.WEAKEN not in [shot.outcome for shot in end.shots]
    if end.outcome == "rejected":
        assert not end.useful
        return
    base = standing.plan.whole.calls
    for shot in end.shots:
        assert shot.attempts <= MOST_ROUNDS
        if shot.outcome is not Outcome.ACCEPTED:
            assert shot.calls == base
    assert end.useful == any(shot.asked and shot.outcome is Outcome.ACCEPTED for shot in end.shots)


def test_a_shot_is_weakened_twice_and_then_put_back_and_looked_at():
    fails = {0: Gate.FIDELITY}
    standing = rounds(plan_of([4, 0]), fails, fails)
    assert standing.plan.shots[0].calls[0].parameters == {"by": 2}
    assert standing.open == {0}
    standing = after(standing, judged(standing, fails))
    assert (standing.open, standing.check, gammas(standing)) == (frozenset(), {0}, [[], ["own"]])
    standing = after(standing, judged(standing, {}))
    end = conclude(standing, plan_of([4, 0]))
    assert (end.outcome, end.useful, end.shots[0].attempts) == ("partly", True, 3)


def test_a_shot_that_is_no_better_is_tried_with_the_calls_that_helped_alone():
    plan = plan_of([2, None], own=3)
    no_better = {0: Gate.IMPROVEMENT}
    standing = after(
        begin(plan), judged(begin(plan), no_better, relieved=[T.UNDEREXPOSURE, T.BLOCKING_ARTIFACTS])
    )
    (left,) = standing.plan.shots[0].calls
    assert (left.lowers, standing.open, standing.check) == ((T.UNDEREXPOSURE,), {0}, frozenset())
    end = conclude(after(standing, judged(standing, {})), plan)
    assert (end.outcome, end.shots[0].calls, end.shots[0].attempts) == ("accepted", (left,), 2)
    still = after(standing, judged(standing, no_better, relieved=[T.UNDEREXPOSURE]))
    assert (gammas(still)[0], conclude(still, plan).outcome) == ([], "rejected")


def test_where_no_call_helped_or_each_did_there_is_nothing_to_try():
    for relieved in ([], [T.BLOCKING_ARTIFACTS], list(LOWERS)):
        plan = plan_of([2], own=3)
        standing = after(begin(plan), judged(begin(plan), {0: Gate.IMPROVEMENT}, relieved=relieved))
        assert (standing.open, gammas(standing)) == (frozenset(), [[]])


def test_another_film_is_not_tried_again():
    standing = rounds(plan_of([4, 0]), {0: Gate.STRUCTURE})
    assert (standing.check, standing.open) == ({0}, frozenset())
    assert not standing.refused


def test_a_shot_that_was_put_back_and_is_another_film_still_rejects_all():
    standing = rounds(plan_of([0, 0]), {0: Gate.STRUCTURE}, {0: Gate.STRUCTURE})
    assert conclude(standing, plan_of([0, 0])).outcome == "rejected"


def test_an_accepted_shot_that_is_another_film_later_rejects_all():
    standing = rounds(plan_of([0, 2]), {1: Gate.FIDELITY}, {0: Gate.STRUCTURE})
    assert (standing.refused, conclude(standing, plan_of([0, 2])).outcome) == (True, "rejected")


def test_coding_that_shows_in_a_shot_left_alone_makes_it_partly():
    standing = rounds(plan_of([0, None]), {1: Gate.FIDELITY})
    assert conclude(standing, plan_of([0, None])).outcome == "partly"


def test_where_nothing_is_better_no_other_file_is_made():
    standing = rounds(plan_of([0, 0, None]), {0: Gate.IMPROVEMENT, 1: Gate.FIDELITY})
    assert standing.ended
    assert conclude(standing, plan_of([0, 0, None])).outcome == "rejected"


def test_no_benefit_of_what_is_done_to_all_withdraws_nothing():
    plan = plan_of([None, 0], whole=True)
    standing = rounds(plan, {0: Gate.IMPROVEMENT})
    assert (standing.ended, gammas(standing)) == (True, [["whole"], ["whole", "own"]])
    assert conclude(standing, plan).outcome == "partly"


def test_what_is_done_to_all_and_fails_is_withdrawn_and_own_calls_are_tried_alone():
    plan = plan_of([None, 0, 0], whole=True)
    standing = rounds(plan, {0: Gate.FIDELITY, 1: Gate.FIDELITY})
    assert gammas(standing) == [[], ["own"], ["own"]]
    assert (standing.open, standing.check) == ({1, 2}, {0})
    assert standing.plan.whole.calls == ()
    standing = after(standing, judged(standing, {}))
    end = conclude(standing, plan)
    assert [shot.outcome.value for shot in end.shots] == ["rolled back", "accepted", "accepted"]
    (last,) = (c for c in end.shots[0].decided.checks if c.name == "whole video")
    assert "shot 0" in last.why
