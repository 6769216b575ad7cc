"""Which way of doing a plan is taken in each shot: that of the rules, of a policy, or one that is drawn. Pure."""

from __future__ import annotations

from typing import NamedTuple

from finesight.errors import ConfigError
from finesight.schema.plan import Plan
from finesight.schema.policy import Policy
from finesight.schema.video import Timeline
from finesight.video.exploring import arms_of, choose
from finesight.video.feedback import features_of
from finesight.video.policy import prefer

LEARNT = "learnt"


class Wish(NamedTuple):
    """How ways are chosen.

    explore: share of shots whose way is drawn, by the seed. policy: it only watches, and what it would take is noted,
    unless it is enacted.
    """

    explore: float = 0.0
    seed: int = 0
    policy: Policy | None = None
    enact: bool = False


BY_RULES = Wish()


def chosen(plan: Plan, timeline: Timeline, wish: Wish) -> Plan:
    """A plan of the rules with one way for each shot, and the chance that it had.

    Raises:
        ConfigError: a policy is to be enacted that is not shown to be better than the rules; `explore` is no share.
    """
    if wish.policy is None:
        if wish.enact:
            raise ConfigError("--enact: there is no policy to enact; name one with --policy")
        return choose(plan, wish.explore, wish.seed)
    wanted = _wanted(wish.policy, plan, timeline)
    if not wish.enact:
        return choose(plan, wish.explore, wish.seed, shadow=wanted)
    if not wish.policy.better:
        raise ConfigError(
            "--enact: the policy is not shown to be better than the rules; let it watch (without --enact), collect "
            "attempts with --explore 0.2, and learn it again"
        )
    return choose(plan, wish.explore, wish.seed, wanted, LEARNT)


def _wanted(policy: Policy, plan: Plan, timeline: Timeline) -> dict[int, str]:
    """The way that a policy takes in each shot for which there are several."""
    analysed = {one.shot.index: one for one in timeline.shots}
    ways = {shot.shot: tuple(arms_of(shot, plan.whole.calls)) for shot in plan.shots}
    return {
        index: prefer(policy, features_of(analysed[index], timeline.video), arms)
        for index, arms in ways.items()
        if arms
    }
