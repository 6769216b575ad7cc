"""The answers of a step: questions drawn, answers sampled and judged, groups that teach nothing replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from finesight.data.mine.difficulty import informative
from finesight.errors import InputError
from finesight.model.family import Visual
from finesight.model.protocol import Completion, Request, Sampler
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling
from finesight.schema.sample import Subclass
from finesight.scoring.rewards import RewardFunction
from finesight.train.plan import Draw
from finesight.train.policy.advantage import advantages, deviation
from finesight.train.policy.groups import Lesson
from finesight.train.policy.judge import Judged, judge
from finesight.train.policy.questions import Asked, Order, prompt_of
from finesight.train.policy.settings import GrpoConfig
from finesight.train.ranks import Ranks

Cursor = tuple[int, int]


class Answered(NamedTuple):
    """A question, as example and branch, with its judged answers."""

    example: int
    branch: int
    answers: tuple[Judged, ...]

    @property
    def counts(self) -> list[float | None]:
        return [judged.counts for judged in self.answers]


class Collected(NamedTuple):
    """What a step learns from, how many answers were sampled for it, where the next one goes on, and what is told."""

    lessons: list[Lesson]
    answers: int
    cursor: Cursor
    told: dict[str, float]


class Collector:
    """Collects the lessons of steps; every rank samples its share and gets all of them."""

    def __init__(
        self,
        config: GrpoConfig,
        sampler: Sampler,
        show: Callable[[Path], Picture | Visual],
        ranks: Ranks,
        own: Mapping[Subclass, RewardFunction],
        say: Callable[[str], None],
    ) -> None:
        """show: a picture as the sampler takes it. own: rewards of the user. say: is told of pictures that fail."""
        self._config = config
        self._sampler = sampler
        self._show = show
        self._ranks = ranks
        self._own = own
        self._say = say

    def collect(self, examples: Sequence[Asked], order: Order, step: int, cursor: Cursor) -> Collected:
        """The lessons of a step: up to `batch` x `questions` groups that have something to teach.

        Groups whose rewards are all alike are dropped before any training pass, and others drawn in their place, in
        at most `refills` further rounds.

        References:
            Yu et al., "DAPO", arXiv 2503.14476, section 3.2 (dynamic sampling).
        """
        config = self._config
        began = time.monotonic()
        every: list[Answered] = []
        good: list[Answered] = []
        rounds = 0
        while rounds <= config.refills and len(good) < config.batch * config.questions:
            missing = config.batch * config.questions - len(good)
            draws, cursor = order.take(cursor, -(-missing // config.questions))
            found = self.answer(examples, draws, config.sampling, (config.seed, step, rounds))
            every += found
            good += [a for a in found if informative(a.counts, config.epsilon)]
            rounds += 1
        told = _told(every, good) | {"refills": rounds - 1, "rollout_seconds": time.monotonic() - began}
        answers = len(every) * config.sampling.samples
        return Collected(_lessons(examples, good, config), answers, cursor, told)

    def answer(
        self, examples: Sequence[Asked], draws: Sequence[Draw], sampling: Sampling, seed: tuple[int, ...]
    ) -> list[Answered]:
        """The answers to all questions of some draws, judged; in order, known to all ranks.

        A picture that cannot be read any more is named and left out.

        Args:
            seed: every answer is drawn from a stream of this, its question and its number.
        """
        mine = range(self._ranks.index, len(draws), self._ranks.count)
        asked, seen = [], []
        for place in mine:
            try:
                seen.append(self._show(examples[draws[place].example].path))
                asked.append(place)
            except InputError as error:
                self._say(str(error))
        requests, seeds = [], []
        for place, picture in zip(asked, seen, strict=True):
            draw = draws[place]
            samples = [examples[draw.example].samples[b] for b in draw.branches]
            requests.append(Request(picture, tuple(prompt_of(s, self._config.thinking) for s in samples)))
            seeds.append([_stream(*seed, place, branch) for branch in draw.branches])
        with self._ranks.computing():
            sampled = self._sampler.sample(requests, sampling, seeds)
        found = [
            (place, self._judged(examples, draws[place], completions))
            for place, completions in zip(asked, sampled, strict=True)
        ]
        together = sorted(self._ranks.gather(found), key=lambda placed: placed[0])
        return [answered for _, some in together for answered in some]

    def _judged(
        self, examples: Sequence[Asked], draw: Draw, completions: Sequence[Sequence[Completion]]
    ) -> list[Answered]:
        samples = examples[draw.example].samples
        return [
            Answered(draw.example, b, tuple(judge(samples[b], c, self._config, self._own) for c in group))
            for b, group in zip(draw.branches, completions, strict=True)
        ]


def _lessons(examples: Sequence[Asked], groups: Sequence[Answered], config: GrpoConfig) -> list[Lesson]:
    """Groups with the advantages of their answers; those that count as nothing are left out."""
    lessons = []
    compared = advantages([group.counts for group in groups], config.scale)
    for group, found in zip(groups, compared, strict=True):
        example = examples[group.example]
        pairs = [
            (judged.completion, advantage)
            for judged, advantage in zip(group.answers, found, strict=True)
            if advantage is not None
        ]
        lessons.append(
            Lesson(
                example.path,
                tuple(example.tokens[group.branch].tolist()),
                tuple(completion.tokens for completion, _ in pairs),
                tuple(advantage for _, advantage in pairs),
                tuple(completion.logprobs for completion, _ in pairs),
            )
        )
    return lessons


def _told(every: Sequence[Answered], good: Sequence[Answered]) -> dict[str, float]:
    """What is logged of the answers of a step; means over all of them, also of groups that were dropped."""
    answers = [judged for group in every for judged in group.answers]
    scored = [judged.reward for judged in answers if judged.reward is not None]
    return {
        "reward": float(np.mean(scored)) if scored else 0.0,
        "reward_std": float(np.mean([deviation(group.counts) for group in every])) if every else 0.0,
        "zero_variance": 1 - len(good) / max(1, len(every)),
        "unscored": 1 - len(scored) / max(1, len(answers)),
        "cut_off": float(np.mean([not judged.completion.finished for judged in answers] or [False])),
        "answer_tokens": float(np.mean([len(judged.completion.tokens) for judged in answers] or [0])),
        "groups": len(good),
    }


def _stream(*place: int) -> int:
    """A seed of its own for every place."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0])
