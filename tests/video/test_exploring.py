"""Ways of doing a plan, and the chance that each has: laws over any plan, and frequencies that come out as told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.errors import ConfigError
from finesight.schema.plan import Decision, Plan, Rung, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.video.exploring import ARMS, LEAVE, PLANNED, WEAKER, WEAKEST, arms_of, choose


def call(name: str, rungs: int) -> ToolCall:
    weaker = tuple(Rung(strength=Severity.MINOR, parameters={"by": n}) for n in reversed(range(rungs)))
    return ToolCall(
        tool=name,
        step=Step.DENOISE,
        parameters={"by": rungs},
        strength=Severity.SEVERE,
        rule=name,
        why="",
        weaker=weaker,
    )


WHOLE = (call("whole", 2),)


def plan_of(*rungs: int | None, whole: tuple[ToolCall, ...] = ()) -> Plan:
    calls = [whole if n is None else (*whole, call("own", n)) for n in rungs]
    shots = tuple(ShotPlan(shot=i, start=i, end=i + 1, calls=one) for i, one in enumerate(calls))
    return Plan(video="v", rules="", ffmpeg="", whole=Decision(calls=whole), shots=shots)


def by(calls: tuple[ToolCall, ...]) -> list[float]:
    return [call.parameters["by"] for call in calls]


def test_the_ways_are_those_that_differ():
    three, two, one, none = plan_of(2, 1, 0, None).shots
    assert {name: by(calls) for name, calls in arms_of(three, ()).items()} == {
        PLANNED: [2],
        WEAKER: [1],
        WEAKEST: [0],
        LEAVE: [],
    }
    assert list(arms_of(two, ())) == [PLANNED, WEAKER, LEAVE]
    assert list(arms_of(one, ())) == [PLANNED, LEAVE]
    assert arms_of(none, ()) == {}


def test_what_is_called_for_the_whole_video_is_in_every_way():
    shot, other = plan_of(1, None, whole=WHOLE).shots
    assert [by(calls) for calls in arms_of(shot, WHOLE).values()] == [[2, 1], [2, 0], [2]]
    assert arms_of(other, WHOLE) == {}


def test_without_a_share_the_rules_are_followed_and_that_is_certain():
    plan = plan_of(2, 0, None)
    chosen = choose(plan)
    assert [shot.calls for shot in chosen.shots] == [shot.calls for shot in plan.shots]
    told = [shot.choice and (shot.choice.arm, shot.choice.propensity) for shot in chosen.shots]
    assert told == [(PLANNED, 1.0), (PLANNED, 1.0), None]


@pytest.mark.parametrize("preferred", [PLANNED, WEAKEST])
def test_ways_come_up_as_often_as_their_propensity_says(preferred):
    plan = plan_of(*[2] * 4000)
    chosen = choose(plan, 0.4, preferred=dict.fromkeys(range(4000), preferred)).shots
    counts = Counter(shot.choice.arm for shot in chosen if shot.choice)
    told = {shot.choice.arm: shot.choice.propensity for shot in chosen if shot.choice}
    assert told == pytest.approx({arm: 0.7 if arm == preferred else 0.1 for arm in ARMS})
    assert {arm: n / 4000 for arm, n in counts.items()} == pytest.approx(told, abs=0.03)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=5),
    st.floats(0, 1),
    st.integers(0, 9),
)
def test_the_chances_of_all_ways_are_one_and_the_calls_are_those_of_the_way(rungs, share, seed):
    plan = plan_of(*rungs, whole=WHOLE)
    chosen = choose(plan, share, seed)
    assert chosen == choose(plan, share, seed)
    for shot, before in zip(chosen.shots, plan.shots, strict=True):
        ways = arms_of(before, WHOLE)
        if not ways:
            assert shot == before
            continue
        assert shot.choice is not None
        assert shot.calls == ways[shot.choice.arm]
        assert shot.choice.arms == tuple(ways)
        others = share / len(ways)
        assert shot.choice.propensity == pytest.approx(
            others + (1 - share) * (shot.choice.arm == PLANNED), abs=1e-9
        )


def test_another_seed_explores_other_shots():
    plan = plan_of(*[2] * 40)
    assert choose(plan, 0.5, 1) != choose(plan, 0.5, 2)


def test_a_way_that_a_shot_does_not_have_is_that_of_the_rules():
    (shot,) = choose(plan_of(0), preferred={0: WEAKEST}).shots
    assert shot.choice is not None
    assert (shot.choice.arm, shot.choice.propensity) == (PLANNED, 1.0)


def test_what_a_watching_policy_would_take_is_noted_and_not_done():
    (shot,) = choose(plan_of(2), shadow={0: LEAVE}).shots
    assert shot.choice is not None
    assert (shot.choice.arm, shot.choice.shadow, by(shot.calls)) == (PLANNED, LEAVE, [2])


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="--explore 2: is no share"):
        choose(plan_of(1), 2)
