"""The reward of each subclass: its parts, what they weigh, and the answers that are not judged by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from string import ascii_uppercase
from types import MappingProxyType
from typing import Any, Final

from finesight.schema.answer import ParseFailure
from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import Level
from finesight.scoring.rewards.agreement import found, graded_level, keys, named, referred
from finesight.scoring.rewards.reward import Reward, RewardFunction, unread
from finesight.scoring.rewards.settings import RewardSettings
from finesight.text.grammar import END_TOKENS
from finesight.text.manner import Manner, manner_of, options_of
from finesight.text.parse import parse

Letters = Sequence[str | ParseFailure]
Options = tuple[tuple[str, ...], ...]
"""Those of each question of a choice; none for other subclasses, and an empty tuple where they are not known."""
Judge = Callable[[Any, Any, RewardSettings, int], Reward]
"""What is said, what is true, settings, and how often something was said that had been said before."""

EXCESS: Final = "it goes on where it should have ended, or is much too long"


def _assess(said: Diagnosis, true: Diagnosis, settings: RewardSettings, again: int) -> Reward:
    """Distortions, KEY and level; KEY only where the reference names one, as in the indicator."""
    boxes = found(said.findings, true.findings, settings, again)
    key = keys(said.keys, true.keys)
    level = graded_level(said.level, true.level, settings.level_reach)
    weighed = [(settings.found, boxes.worth), (settings.level, level)]
    weighed += [(settings.key, key)] if true.keys else []
    parts = {"boxes": boxes.boxes, "severity": boxes.severity, "level": level}
    return Reward(_mean(weighed), parts=parts | ({"key": key} if true.keys else {}))


def _brief(said: Brief, true: Brief, settings: RewardSettings, again: int) -> Reward:
    """Distortions by name, and level; the scene is free text and not judged."""
    names = named(said.mentions, true.mentions, settings, again)
    level = graded_level(said.level, true.level, settings.level_reach)
    weighed = [(settings.found, names), (settings.level, level)]
    return Reward(_mean(weighed), parts={"named": names, "level": level})


def _findings(
    said: Sequence[Finding], true: Sequence[Finding], settings: RewardSettings, again: int
) -> Reward:
    boxes = found(said, true, settings, again)
    return Reward(boxes.worth, parts={"boxes": boxes.boxes, "severity": boxes.severity})


def _referring(said: Sequence[Box], true: Sequence[Box], settings: RewardSettings, again: int) -> Reward:
    boxes = referred(said, true, again)
    return Reward(boxes, parts={"boxes": boxes})


def _score(said: Level, true: Level, settings: RewardSettings, again: int) -> Reward:
    level = graded_level(said, true, settings.level_reach)
    return Reward(level, parts={"level": level})


def _choice(said: str, true: str, settings: RewardSettings, again: int) -> Reward:
    return Reward(float(said == true))


def _choices(said: Letters, true: Letters, settings: RewardSettings, again: int) -> Reward:
    """The share answered right: a letter that cannot be read is wrong, a question without a true one is left out."""
    asked = [
        (str(n), *pair) for n, pair in enumerate(zip(said, true, strict=True), 1) if isinstance(pair[1], str)
    ]
    if not asked:
        return Reward(None, "reference: no letter that can be read")
    right = {number: float(ours == theirs) for number, ours, theirs in asked}
    unreadable = [f"{number}: {ours.reason}" for number, ours, _ in asked if isinstance(ours, ParseFailure)]
    return Reward(sum(right.values()) / len(right), "; ".join(unreadable) or None, right)


def _mean(weighed: Sequence[tuple[float, float]]) -> float:
    total = sum(weight for weight, _ in weighed)
    return min(1.0, sum(weight * value for weight, value in weighed) / total)


def _rule(judge: Judge) -> RewardFunction:
    """The reward function that reads answer and reference and has the one judged by the other."""

    def reward(sample: Sample, answer: str, settings: RewardSettings) -> Reward:
        return _judged(judge, sample, answer, settings)

    return reward


def _choice_rule(sample: Sample, answer: str, settings: RewardSettings) -> Reward:
    """Exact letter; of a merged sample the share answered right."""
    options = tuple(map(tuple, options_of(sample)))
    return _judged(_choice if len(options) == 1 else _choices, sample, answer, settings, options)


def _judged(
    judge: Judge, sample: Sample, answer: str, settings: RewardSettings, options: Options = ()
) -> Reward:
    true, usual = _reference(sample.subclass, sample.answer, options)
    if isinstance(true, ParseFailure):
        return unread(true, "reference: ")
    said = _read(sample.subclass, answer, options)
    if isinstance(said, ParseFailure):
        return unread(said)
    manner = manner_of(sample.subclass, answer, options)
    reward = judge(said, true, settings, max(0, manner.again - usual.again))
    if reward.value is None or not _goes_on(manner, usual, settings):
        return reward
    reason = "; ".join(filter(None, (reward.reason, EXCESS)))
    return reward._replace(value=settings.excess * reward.value, reason=reason)


@lru_cache(maxsize=4096)
def _reference(subclass: Subclass, text: str, options: Options) -> tuple[Any, Manner]:
    """What the reference says and how; it is whole by definition, so it may lack its full stop."""
    return _read(subclass, text + END_TOKENS[0], options), manner_of(subclass, text, options)


def _read(subclass: Subclass, text: str, options: Options) -> Any:
    if subclass is not Subclass.MCQ:
        return parse(subclass, text)
    known = [texts or len(ascii_uppercase) for texts in options]
    return parse(
        subclass,
        text,
        **({"options": known[0]} if len(known) == 1 else {"count": len(known), "options": known}),
    )


def _goes_on(manner: Manner, usual: Manner, settings: RewardSettings) -> bool:
    """Whether there are more words behind the end than in the reference, or many more in all."""
    return manner.behind > usual.behind or manner.prose > settings.words * usual.prose + settings.spare_words


REWARDS: Final[Mapping[Subclass, RewardFunction]] = MappingProxyType(
    {
        Subclass.ASSESS: _rule(_assess),
        Subclass.BRIEF_ASSESS: _rule(_brief),
        Subclass.DIST_ASSESS: _rule(_findings),
        Subclass.DIST_DETECT: _rule(_findings),
        Subclass.REF_GROUNDING: _rule(_referring),
        Subclass.REG_PERCEPTION: _rule(_findings),
        Subclass.MCQ: _choice_rule,
        Subclass.SCORE: _rule(_score),
    }
)
"""The reward of each subclass that a rule can judge. qa is free text: no rule says whether it is right."""
