"""How hard a question was for a policy, by the rewards of a group of its answers, and whether that can teach.

GRPO learns from how the answers of a group differ. So what counts is the range of their rewards: a filter by the
mean alone keeps groups in which all earned the same .5, and those have no gradient.

References:
    Yu et al., "DAPO", arXiv 2503.14476, section 3.2: groups without spread are left out, others drawn instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import fsum
from typing import NamedTuple

from finesight.data.mine.settings import Band
from finesight.schema.rollout import RolloutGroup


class Reason(StrEnum):
    """Why a question is not in what was mined."""

    REPEATED = "repeated"
    UNSCORED = "unscored"
    TOO_FEW_SCORED = "too few scored"
    TOO_EASY = "too easy"
    TOO_HARD = "too hard"
    NO_SPREAD = "no spread"
    OVER_BUDGET = "over budget"
    MERGED = "merged into another"


class Difficulty(NamedTuple):
    """Of the answers of a group that count: how many, their mean reward, the largest less the least."""

    scored: int
    mean: float
    range: float


def counted(group: RolloutGroup, unparsed: float | None) -> list[float | None]:
    """What each answer of a group counts as in training: its reward, `unparsed` where it was scored and has none.

    Where none has one, none counts: nobody scored them, there is no rule for them, or the reference is unreadable.
    """
    if all(reward is None for reward in group.rewards):
        return list(group.rewards)
    return [
        unparsed if answer.reward is None and answer.unscored is not None else answer.reward
        for answer in group.answers
    ]


def difficulty(rewards: Sequence[float | None]) -> Difficulty | None:
    """The difficulty of a group by what its answers count as; None where none counts. None is not 0."""
    scored = [reward for reward in rewards if reward is not None]
    if not scored:
        return None
    return Difficulty(len(scored), fsum(scored) / len(scored), max(scored) - min(scored))


def informative(rewards: Sequence[float | None], epsilon: float) -> bool:
    """Whether a group has a gradient worth its cost: two rewards or more that differ by more than epsilon.

    The part of `unfit` that GRPO applies to every group it samples, before any pass over it.
    """
    found = difficulty(rewards)
    return found is not None and _varies(found, epsilon)


def unknown(found: Difficulty | None, min_scored: int) -> Reason | None:
    """Why nothing can be said of a group; None where it can."""
    if found is None:
        return Reason.UNSCORED
    return Reason.TOO_FEW_SCORED if found.scored < min_scored else None


def unfit(found: Difficulty, band: Band) -> Reason | None:
    """Why a group is not trained on; None where it is. All right is too easy, all wrong too hard in any band."""
    if found.mean > band.high or found.mean == 1:
        return Reason.TOO_EASY
    if found.mean < band.low or found.mean == 0:
        return Reason.TOO_HARD
    return None if _varies(found, band.epsilon) else Reason.NO_SPREAD


def together(found: Sequence[Difficulty]) -> Difficulty:
    """Of one prompt with all the questions, whose reward is the mean of theirs.

    Its mean is exact. Its range is the widest that the answers sampled allow, with the best and the worst ones of
    all the questions at once: 0 only where none of them varies.
    """
    return Difficulty(
        min(one.scored for one in found),
        fsum(one.mean for one in found) / len(found),
        fsum(one.range for one in found) / len(found),
    )


def _varies(found: Difficulty, epsilon: float) -> bool:
    return found.range > epsilon
