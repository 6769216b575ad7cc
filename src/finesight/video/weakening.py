"""The plan of a shot, one rung weaker. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from finesight.schema.plan import ShotPlan, ToolCall

MOST_ATTEMPTS = 2
"""So often a plan is weakened before its shot is left as it was."""


def can_weaken(calls: Sequence[ToolCall], whole: Sequence[ToolCall], attempt: int) -> bool:
    """Whether there is a weaker way: not tried too often, and a call of the shot's own has a weaker rung."""
    return attempt < MOST_ATTEMPTS and any(call.weaker for call in calls if call not in whole)


def weakened(plan: ShotPlan, whole: Sequence[ToolCall] = (), attempt: int = 0) -> ShotPlan | None:
    """The plan with each call one rung down its ladder, where it has one; None where nothing can be weakened.

    Args:
        whole: calls of the whole video, which must stay alike in all shots.
        attempt: how often it has been weakened already.
    """
    if not can_weaken(plan.calls, whole, attempt):
        return None
    calls = tuple(call if call in whole else call.weakened() or call for call in plan.calls)
    return plan.model_copy(update={"calls": calls})
