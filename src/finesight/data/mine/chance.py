"""Whether choices were answered or guessed.

A choice that is guessed is right in some of its answers and wrong in others, so by mean and range it is of medium
difficulty whoever guesses. One group cannot tell; all groups of a policy together can.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt
from statistics import stdev

from pydantic import BaseModel, ConfigDict

from finesight.schema.rollout import RolloutGroup
from finesight.text.manner import options_of

ENOUGH = 20
"""Fewest groups that something is said of."""


class Chance(BaseModel):
    """What choices earned, and what guessing would: means over their groups.

    error: standard error of the difference of the two.
    """

    model_config = ConfigDict(frozen=True)

    earned: float
    guessing: float
    error: float

    @property
    def guessed(self) -> bool:
        """Whether what was earned is not above guessing by more than two standard errors."""
        return self.earned - self.guessing <= 2 * self.error


def guessing_earns(group: RolloutGroup) -> float | None:
    """The mean reward of letters drawn blindly: one over the number of options; None where options are not listed."""
    counts = [len(options) for options in options_of(group.sample)]
    return fsum(1 / n for n in counts) / len(counts) if counts and all(counts) else None


def chance(groups: Sequence[tuple[float, float]]) -> Chance | None:
    """Of groups of choices, by what each earned and what guessing earns in it; None of too few groups."""
    n = len(groups)
    if n < ENOUGH:
        return None
    return Chance(
        earned=fsum(earned for earned, _ in groups) / n,
        guessing=fsum(guessing for _, guessing in groups) / n,
        error=stdev(earned - guessing for earned, guessing in groups) / sqrt(n),
    )
