"""The ways in which what rules ask for may be done, and choosing among them with a chance that is known. Pure.

What is always done the same way teaches nothing about the other ways. With an exploration share, now and then another
way is taken; the chance that each had is kept, so that it can be said afterwards what another policy would have come
to (`finesight.video.policy_value`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from finesight.errors import ConfigError
from finesight.schema.plan import Choice, Plan, ShotPlan, ToolCall

PLANNED, WEAKER, WEAKEST, LEAVE = "planned", "weaker", "weakest", "leave"
ARMS = (PLANNED, WEAKER, WEAKEST, LEAVE)
"""As the rules ask; each call one rung weaker; each at its weakest; only what is called for the whole video."""

Calls = tuple[ToolCall, ...]


def arms_of(shot: ShotPlan, whole: Calls) -> dict[str, Calls]:
    """The ways of doing a shot that differ, by name; none where nothing is called for it alone."""
    if all(call in whole for call in shot.calls):
        return {}
    weaker = tuple(call if call in whole else call.weakened() or call for call in shot.calls)
    weakest = tuple(call if call in whole else _weakest(call) for call in shot.calls)
    ways = {PLANNED: shot.calls, WEAKER: weaker, WEAKEST: weakest, LEAVE: whole}
    distinct: dict[str, Calls] = {}
    for name, calls in ways.items():
        if calls not in distinct.values():
            distinct[name] = calls
    return distinct


def choose(
    plan: Plan,
    share: float = 0.0,
    seed: int = 0,
    preferred: Mapping[int, str] | None = None,
    policy: str = "rules",
    shadow: Mapping[int, str] | None = None,
) -> Plan:
    """The plan with one way for each shot, and the chance that it had.

    The same arguments give the same plan. A way is preferred with a chance of 1 - share; else one is drawn, all with
    the same chance.

    Args:
        plan: of the rules. share: 0..1, of shots whose way is drawn. preferred: the way of each shot by number, of
            a policy; without it that of the rules. shadow: what another policy would take, which is only noted.

    Raises:
        ConfigError: the share is none.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"--explore {share:g}: is no share; give 0 to 1, such as 0.1")
    shots = tuple(
        _chosen(plan, shot, share, seed, preferred or {}, policy, shadow or {}) for shot in plan.shots
    )
    return plan.model_copy(update={"shots": shots})


def _chosen(
    plan: Plan,
    shot: ShotPlan,
    share: float,
    seed: int,
    preferred: Mapping[int, str],
    policy: str,
    shadow: Mapping[int, str],
) -> ShotPlan:
    ways = arms_of(shot, plan.whole.calls)
    if not ways:
        return shot
    wanted = preferred.get(shot.shot, PLANNED)
    wanted = wanted if wanted in ways else PLANNED
    first, second = _draws(f"{seed}|{plan.video}|{shot.shot}|{shot.start}")
    arm = list(ways)[int(second * len(ways))] if first < share else wanted
    chance = share / len(ways) + (1 - share if arm == wanted else 0.0)
    choice = Choice(
        policy=policy, arm=arm, arms=tuple(ways), propensity=min(1.0, chance), shadow=shadow.get(shot.shot)
    )
    return shot.model_copy(update={"calls": ways[arm], "choice": choice})


def _weakest(call: ToolCall) -> ToolCall:
    while less := call.weakened():
        call = less
    return call


def _draws(of: str) -> tuple[float, float]:
    """Two numbers in [0, 1) that depend on a text alone."""
    digest = hashlib.sha256(of.encode()).digest()
    first, second = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
    return first / 2**64, min(second / 2**64, 1 - 2**-53)
