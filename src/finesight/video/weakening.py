"""The plan of a shot with less in it: one rung weaker, or without the calls that did not help. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from finesight.schema.plan import ShotPlan, ToolCall
from finesight.schema.taxonomy import DistortionType

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


def narrowed(
    plan: ShotPlan, relieved: Sequence[DistortionType], whole: Sequence[ToolCall] = ()
) -> ShotPlan | None:
    """The plan with those of its calls that lower what has become less severe; None where that is all or none.

    Args:
        whole: calls of the whole video, which must stay in all shots.
    """
    own = [call for call in plan.calls if call not in whole]
    helped = [call for call in own if set(call.lowers) & set(relieved)]
    if not helped or len(helped) == len(own):
        return None
    return plan.model_copy(
        update={"calls": tuple(call for call in plan.calls if call in whole or call in helped)}
    )
