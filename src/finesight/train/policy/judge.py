"""What an answer counts as in training: its reward, and what becomes of answers without one or without an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from finesight.model.protocol import Completion
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards import RewardFunction, reward_of
from finesight.train.policy.settings import GrpoConfig


class Judged(NamedTuple):
    """An answer, its reward as it was scored, and what it counts as in training; None: not scored, not counted."""

    completion: Completion
    reward: float | None
    unscored: str | None
    counts: float | None


def judge(
    sample: Sample,
    completion: Completion,
    config: GrpoConfig,
    own: Mapping[Subclass, RewardFunction],
) -> Judged:
    """The completion judged against the reference of its sample."""
    reward = reward_of(sample, completion.text, config.rewards, own)
    why = reward.reason if reward.value is None else None
    return Judged(completion, reward.value, why, counted(reward.value, completion, config))


def counted(value: float | None, completion: Completion, config: GrpoConfig) -> float | None:
    """What a reward counts as.

    Unscored answers count as `unparsed`. Where `overlong` is mask, one that was cut off does not count; where it
    is shape, every answer loses what it takes of the last `overlong_buffer` tokens, linearly, all at the limit.

    References:
        Yu et al., "DAPO", arXiv 2503.14476, section 3.4: overlong filtering (mask), and eq. 13, here as a
        factor from 1 to 0 instead of a summand from 0 to -1, so that a reward stays one.
    """
    if config.overlong == "mask" and not completion.finished:
        return None
    value = config.unparsed if value is None else value
    if value is None or config.overlong != "shape":
        return value
    over = len(completion.tokens) - (config.sampling.max_new_tokens - config.overlong_buffer)
    return value * (1 - min(1.0, max(0, over) / config.overlong_buffer))
