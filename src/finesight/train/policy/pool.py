"""The questions that are asked now: all of the data, or what mining has chosen of it with the policy as it is.

What was chosen before a step stands in `mined/step-NNNNNNNN.jsonl` of the run folder, so a killed run goes on
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from finesight.data.atomic import write_text
from finesight.data.mine.mining import mine
from finesight.errors import InputError
from finesight.schema.rollout import RolloutGroup, SampledAnswer
from finesight.schema.sample import Sample
from finesight.train.examples import Example
from finesight.train.learner import Data
from finesight.train.plan import Draw, Limits, every
from finesight.train.policy.collect import Answered, Collector, Cursor
from finesight.train.policy.questions import Asked, Order, place_again
from finesight.train.policy.settings import GrpoConfig
from finesight.train.ranks import Ranks
from finesight.train.run import MINED

Ask = Callable[[Sequence[Sample]], list[Asked]]
"""Samples as questions by picture."""


class Pool:
    """What the steps of a run draw from."""

    def __init__(self, config: GrpoConfig, data: Data, ask: Ask, collector: Collector, ranks: Ranks) -> None:
        self._config = config
        self._all: list[Asked] = [e for e in data.examples if isinstance(e, Asked)]
        self._known: dict[Path, Example] = {e.path: e for e in data.examples}
        self._ask = ask
        self._collector = collector
        self._ranks = ranks
        self._limits = Limits(config.questions, config.tokens_per_tree)
        self.examples = self._all
        self.order = Order(self.examples, self._limits, config.seed)

    @property
    def prefixes(self) -> Mapping[Path, int]:
        """Tokens of the prefix of every picture."""
        return {path: example.prefix for path, example in self._known.items()}

    def before(self, step: int, cursor: Cursor, begun: bool) -> Cursor:
        """Make ready for a step; where to draw from.

        Args:
            begun: whether this process has run the step before; else what was chosen then is looked up.
        """
        every_so_often = self._config.refresh_every
        if self._config.mining is None:
            return cursor
        done = step - 1
        if done % every_so_often == 0:
            self._take(done, self._chosen(done) or self._choose(done))
            return (0, 0)
        if not begun:
            chosen = self._chosen(done - done % every_so_often)
            if not chosen:
                raise InputError(
                    f"{self._file(done - done % every_so_often)}: not there, so that the run cannot go on; "
                    "begin it anew in another folder"
                )
            self._take(done - done % every_so_often, chosen)
        return cursor

    def _choose(self, done: int) -> list[Sample]:
        """Try some questions on the policy as it is, and mine them; all of them where none is worth asking."""
        config = self._config
        assert config.mining is not None
        rng = np.random.default_rng([config.seed, done])
        draws = _first(every(self._all, self._limits, rng), config.refresh_questions)
        answered = self._collector.answer(self._all, draws, config.sampling, (config.seed, done, 1 << 20))
        groups = [self._group(i, a) for i, a in enumerate(answered)]
        kept = [one.sample for one in mine(groups, config.mining).kept]
        chosen = kept or [group.sample for group in groups]
        if self._ranks.main:
            text = "".join(sample.model_dump_json() + "\n" for sample in chosen)
            write_text(self._file(done), text)
        self._ranks.wait()
        return chosen

    def _group(self, index: int, answered: Answered) -> RolloutGroup:
        answers = tuple(
            SampledAnswer(text=j.completion.text, finished=j.completion.finished, reward=j.counts)
            for j in answered.answers
        )
        sample = self._all[answered.example].samples[answered.branch]
        return RolloutGroup(
            index=index,
            sample=sample,
            model="policy",
            seed=self._config.seed,
            sampling=self._config.sampling,
            answers=answers,
        )

    def _take(self, done: int, chosen: Sequence[Sample]) -> None:
        self.examples = place_again(self._ask(chosen), self._known)
        self.order = Order(self.examples, self._limits, self._config.seed + done)

    def _chosen(self, done: int) -> list[Sample]:
        file = self._file(done)
        if not file.is_file():
            return []
        lines = file.read_text(encoding="utf-8").splitlines()
        return [Sample.model_validate_json(line) for line in lines]

    def _file(self, done: int) -> Path:
        return self._config.out / MINED / f"step-{done:08d}.jsonl"


def _first(draws: Sequence[Draw], questions: int) -> list[Draw]:
    """As many draws, from the first on, as have about so many questions."""
    taken: list[Draw] = []
    for draw in draws:
        if questions <= 0:
            break
        taken.append(draw)
        questions -= len(draw.branches)
    return taken
