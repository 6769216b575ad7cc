"""Calls that are too much become weaker, rung by rung."""

from __future__ import annotations

from finesight.schema.plan import Rung, Step, ToolCall
from finesight.schema.taxonomy import Severity


def call(*weaker: Rung) -> ToolCall:
    return ToolCall(
        tool="unsharp",
        step=Step.SHARPEN,
        parameters={"amount": 1.2},
        strength=Severity.SEVERE,
        rule="sharpen",
        why="soft",
        weaker=weaker,
    )


def test_a_call_goes_down_its_ladder_and_then_there_is_nothing_left():
    rungs = [
        Rung(strength=s, parameters={"amount": a})
        for s, a in ((Severity.MODERATE, 0.8), (Severity.MINOR, 0.5))
    ]
    once = call(*rungs).weakened()
    assert once is not None
    assert (once.strength, once.parameters) == (Severity.MODERATE, {"amount": 0.8})
    twice = once.weakened()
    assert twice is not None
    assert (twice.strength, twice.parameters, twice.weaker) == (Severity.MINOR, {"amount": 0.5}, ())
    assert twice.weakened() is None


def test_everything_else_of_a_weakened_call_stays():
    weaker = call(Rung(strength=Severity.MINOR, parameters={"amount": 0.5})).weakened()
    assert weaker is not None
    assert weaker.model_copy(update={"strength": Severity.SEVERE, "parameters": {"amount": 1.2}}) == call()


def test_steps_stand_in_the_order_of_the_work():
    assert [step.value for step in sorted(Step, key=lambda step: step.rank)] == (
        ["deinterlace", "deblock", "denoise", "deband", "exposure", "colour", "sharpen", "upscale", "hdr"]
    )
