"""Plans one rung weaker: those of the shipped rules, down to the end of their ladders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.plan import Rung, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.video.rule_files import default_rules
from finesight.video.tools import TOOLS
from finesight.video.weakening import can_weaken, weakened

MINOR, MODERATE, SEVERE = Severity
LADDERS = {rule.tool: rule.ladder for rule in default_rules().rules if rule.tool and rule.ladder.severe}


def call(tool: str, strength: Severity = SEVERE) -> ToolCall:
    rungs = [
        Rung(strength=s, parameters=TOOLS[tool].filled(LADDERS[tool].at(s)))
        for s in reversed(Severity)
        if s.rank <= strength.rank
    ]
    return ToolCall(
        tool=tool,
        step=TOOLS[tool].step,
        parameters=rungs[0].parameters,
        strength=strength,
        rule=tool,
        why="it is so",
        weaker=tuple(rungs[1:]),
    )


def plan(*calls: ToolCall) -> ShotPlan:
    return ShotPlan(shot=3, start=0, end=1, calls=calls)


@pytest.mark.parametrize("tool", LADDERS)
def test_a_severe_call_comes_to_the_moderate_rung_then_the_minor_one_then_to_its_end(tool):
    once = weakened(plan(call(tool)))
    assert once is not None
    assert once.calls[0].parameters == TOOLS[tool].filled(LADDERS[tool].moderate)
    twice = weakened(once, attempt=1)
    assert twice is not None
    assert (twice.calls[0].strength, twice.calls[0].weaker) == (MINOR, ())
    assert weakened(twice, attempt=1) is None
    assert weakened(once, attempt=2) is None


def test_calls_at_the_end_of_their_ladder_stay_beside_others_that_are_weakened():
    minor, severe = call("deblock", MINOR), call("hqdn3d")
    weaker = weakened(plan(minor, severe))
    assert weaker is not None
    assert (weaker.calls[0], weaker.calls[1].strength) == (minor, MODERATE)


def test_calls_of_the_whole_video_stay_alike_in_all_shots():
    whole = call("hqdn3d")
    assert weakened(plan(whole), (whole,)) is None
    weaker = weakened(plan(whole, call("unsharp")), (whole,))
    assert weaker is not None
    assert (weaker.calls[0], weaker.calls[1].strength) == (whole, MODERATE)


def test_a_shot_that_was_left_alone_cannot_be_weakened():
    assert weakened(plan()) is None


@given(
    st.lists(
        st.builds(call, st.sampled_from(sorted(LADDERS)), st.sampled_from(Severity)),
        max_size=3,
        unique_by=lambda c: c.tool,
    )
)
def test_weaker_is_never_stronger_in_any_parameter_and_ends(calls):
    attempt, at = 0, plan(*calls)
    while (weaker := weakened(at, attempt=attempt)) is not None:
        assert can_weaken(at.calls, (), attempt)
        for old, new in zip(at.calls, weaker.calls, strict=True):
            parameters = TOOLS[new.tool].parameters
            assert all(p.no_weaker(old.parameters[n], new.parameters[n]) for n, p in parameters.items())
        assert weaker != at
        attempt, at = attempt + 1, weaker
    assert attempt <= 2


def test_steps_keep_their_order():
    weaker = weakened(plan(call("deblock"), call("hqdn3d"), call("unsharp")))
    assert weaker is not None
    assert [c.step for c in weaker.calls] == [Step.DEBLOCK, Step.DENOISE, Step.SHARPEN]
