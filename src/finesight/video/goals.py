"""What a video is to become beside clean: what a goal adds to the plan of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from finesight.errors import ConfigError
from finesight.schema.plan import Plan
from finesight.schema.video import Timeline

Adapt = Callable[[Timeline, Plan], Plan]


class Goal(NamedTuple):
    """A goal by its name. adapt: gives the plan of the rules what the goal adds, pure; says: what comes out."""

    name: str
    adapt: Adapt
    says: str


def as_planned(timeline: Timeline, plan: Plan) -> Plan:
    """The plan of the rules and nothing else."""
    return plan


GOALS: Mapping[str, Goal] = {
    goal.name: goal for goal in (Goal("clean", as_planned, "its flaws mended, all else as it was"),)
}


def goal_named(name: str) -> Goal:
    """
    Raises:
        ConfigError: there is no such goal.
    """
    if name not in GOALS:
        raise ConfigError(f"--goal {name}: is none; there is {', '.join(GOALS)}")
    return GOALS[name]
