"""What a policy earned, subclass by subclass: means, the spread within groups, and groups that teach nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean, pstdev

from pydantic import BaseModel, ConfigDict

from finesight.schema.rollout import RolloutGroup
from finesight.schema.sample import Subclass

EQUAL = 1e-9
"""Rewards that are nearer than this are the same."""


class Earned(BaseModel):
    """Some groups, as numbers.

    Rewards are those of the scored answers. reward: their mean. spread: mean over groups of the standard deviation of
    their rewards (of those with two or more). all_right, all_wrong, alike: groups whose rewards are all 1, all 0, or
    all the same (the first two among them): they have no advantage to learn from. unscored, unfinished: answers that
    were not scored, or did not come to their end.
    """

    model_config = ConfigDict(frozen=True)

    groups: int
    answers: int
    reward: float | None
    spread: float | None
    all_right: int
    all_wrong: int
    alike: int
    unscored: int
    unfinished: int


class _Count:
    """Groups as they come."""

    def __init__(self) -> None:
        self.groups = self.answers = self.unfinished = self.scored = 0
        self.all_right = self.all_wrong = self.alike = 0
        self.rewards: list[float] = []
        self.spreads: list[float] = []

    def add(self, group: RolloutGroup) -> None:
        rewards = [reward for reward in group.rewards if reward is not None]
        self.groups += 1
        self.answers += len(group.answers)
        self.unfinished += sum(not answer.finished for answer in group.answers)
        self.scored += len(rewards)
        if not rewards:
            return
        self.rewards.append(math.fsum(rewards))
        self.alike += max(rewards) - min(rewards) < EQUAL
        self.all_right += min(rewards) > 1 - EQUAL
        self.all_wrong += max(rewards) < EQUAL
        if len(rewards) > 1:
            self.spreads.append(pstdev(rewards))

    def earned(self) -> Earned:
        return Earned(
            groups=self.groups,
            answers=self.answers,
            reward=math.fsum(self.rewards) / self.scored if self.scored else None,
            spread=fmean(self.spreads) if self.spreads else None,
            all_right=self.all_right,
            all_wrong=self.all_wrong,
            alike=self.alike,
            unscored=self.answers - self.scored,
            unfinished=self.unfinished,
        )


def tally(groups: Iterable[RolloutGroup]) -> tuple[dict[Subclass, Earned], Earned]:
    """What was earned in each subclass that occurs, and in all together; groups are read once."""
    counts: dict[Subclass, _Count] = {}
    whole = _Count()
    for group in groups:
        for count in (counts.setdefault(group.sample.subclass, _Count()), whole):
            count.add(group)
    return {kind: counts[kind].earned() for kind in Subclass if kind in counts}, whole.earned()
