"""Answers and groups of them judged: thoughts dropped, merged samples taken apart, users' rewards in bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

from finesight.schema.answer import ParseFailure
from finesight.schema.rollout import RolloutGroup, SampledAnswer
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards.reward import Reward, RewardFunction, unread
from finesight.scoring.rewards.rules import REWARDS
from finesight.scoring.rewards.settings import RewardSettings
from finesight.text.merged import single_samples, split_answers
from finesight.text.thinking import spoken

DEFAULTS: Final = RewardSettings()
NOBODY_S: Final[Mapping[Subclass, RewardFunction]] = MappingProxyType({})
NO_RULE: Final = "no rule for free answers"


def reward_of(
    sample: Sample,
    answer: str,
    settings: RewardSettings = DEFAULTS,
    own: Mapping[Subclass, RewardFunction] = NOBODY_S,
) -> Reward:
    """What the answer to a sample earned, whatever it says; unscored where it or the reference cannot be read.

    Thoughts before the answer are dropped. A merged sample earns the mean of its questions; see `_merged`.

    Args:
        own: reward functions of the user, that go before ours. What they raise, and a value that is not within 0..1,
            makes the answer unscored.
    """
    said = spoken(answer)
    # Letters of merged choices are read line by line, as their parser does it.
    alone = len(sample.parts) < 2 or (sample.subclass is Subclass.MCQ and sample.subclass not in own)
    return (_single if alone else _merged)(sample, said, settings, own)


def score_group(
    group: RolloutGroup,
    settings: RewardSettings = DEFAULTS,
    own: Mapping[Subclass, RewardFunction] = NOBODY_S,
) -> RolloutGroup:
    """The group with the rewards of its answers; those it had before are replaced."""

    def scored(answer: SampledAnswer) -> SampledAnswer:
        reward = reward_of(group.sample, answer.text, settings, own)
        unscored = reward.reason if reward.value is None else None
        return answer.model_copy(update={"reward": reward.value, "unscored": unscored})

    return group.model_copy(update={"answers": tuple(map(scored, group.answers))})


def _single(
    sample: Sample, said: str, settings: RewardSettings, own: Mapping[Subclass, RewardFunction]
) -> Reward:
    if sample.subclass in own:
        return _bounded(own[sample.subclass], sample, said, settings)
    rule = REWARDS.get(sample.subclass)
    return rule(sample, said, settings) if rule else Reward(None, NO_RULE)


def _merged(
    sample: Sample, said: str, settings: RewardSettings, own: Mapping[Subclass, RewardFunction]
) -> Reward:
    """The mean over the questions; one whose answer is unscored counts 0, or an answer would gain by leaving it out.

    Where not even its own reference is scored, no answer to it would be, and the question is not counted.
    """
    try:
        singles = single_samples(sample)
    except ValueError as error:
        return Reward(None, f"reference: {error}")
    answers = split_answers(said, len(singles))
    if isinstance(answers, ParseFailure):
        return unread(answers)
    values, reasons = {}, []
    for number, (single, text) in enumerate(zip(singles, answers, strict=True), 1):
        reward = unread(text) if isinstance(text, ParseFailure) else _single(single, text, settings, own)
        reasons += [f"{number}: {reward.reason}"] if reward.reason else []
        if reward.value is not None or _single(single, single.answer, settings, own).value is not None:
            values[str(number)] = reward.value or 0.0
    reason = "; ".join(reasons) or None
    return (
        Reward(math.fsum(values.values()) / len(values), reason, values) if values else Reward(None, reason)
    )


def _bounded(function: RewardFunction, sample: Sample, said: str, settings: RewardSettings) -> Reward:
    """What a user's reward gives, or unscored with the reason where it gives no reward in bounds."""
    name = (
        f"reward {getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', repr(function))}"
    )
    try:
        reward: Any = function(sample, said, settings)
    except Exception as error:
        return Reward(None, f"{name} raised {type(error).__name__}: {error}")
    if not isinstance(reward, Reward):
        return Reward(None, f"{name} gave {reward!r}, which is not a Reward")
    value: Any = reward.value
    if value is None:
        return reward._replace(reason=reward.reason or f"{name} gave no value and no reason")
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        return Reward(None, f"{name} gave {value!r}, which is not a number from 0 to 1")
    return reward._replace(value=float(value))
