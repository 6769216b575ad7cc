"""What an answer earned, and what a reward is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from finesight.schema.answer import ParseFailure
from finesight.schema.sample import Sample
from finesight.scoring.rewards.settings import RewardSettings


class Reward(NamedTuple):
    """What an answer earned.

    value: 0..1; None: unscored, which is not 0. reason: why it is unscored, or what took from its value.
    parts: what the value is made of, each 0..1.
    """

    value: float | None
    reason: str | None = None
    parts: Mapping[str, float] = MappingProxyType({})


RewardFunction = Callable[[Sample, str, RewardSettings], Reward]
"""The reward of an answer to one question, not merged; of the answer without the thoughts before it."""


def unread(failure: ParseFailure, of: str = "") -> Reward:
    """Unscored, because a text cannot be read."""
    return Reward(None, f"{of}{failure.reason} at character {failure.position}")
