"""A policy on pictures it is not trained on: the reward of its greedy answers."""

from __future__ import annotations

import numpy as np

from finesight.schema.sample import Subclass
from finesight.train.learner import Data
from finesight.train.plan import Limits, every
from finesight.train.policy.collect import Collector
from finesight.train.policy.questions import Asked
from finesight.train.policy.settings import GrpoConfig


class HeldOut:
    """Held-out questions, asked the same way every time."""

    def __init__(self, config: GrpoConfig, data: Data, collector: Collector) -> None:
        self._examples = [e for e in data.examples if isinstance(e, Asked)]
        limits = Limits(config.questions, config.tokens_per_tree)
        self._draws = every(self._examples, limits, np.random.default_rng(0))
        self._sampling = config.sampling.model_copy(update={"samples": 1, "temperature": 0.0})
        self._collector = collector

    def rewards(self) -> dict[str, float]:
        """`reward`, the mean of what answers count as, `reward/` of each subclass, and the share `unscored`."""
        found: dict[Subclass, list[float]] = {}
        unscored = []
        for answered in self._collector.answer(self._examples, self._draws, self._sampling, (0,)):
            subclass = self._examples[answered.example].subclasses[answered.branch]
            (judged,) = answered.answers
            unscored.append(judged.reward is None)
            if judged.counts is not None:
                found.setdefault(subclass, []).append(judged.counts)
        every_one = [value for values in found.values() for value in values]
        by_subclass = {f"reward/{name}": float(np.mean(values)) for name, values in sorted(found.items())}
        return {
            "reward": float(np.mean(every_one)) if every_one else 0.0,
            **by_subclass,
            "unscored": float(np.mean(unscored)) if unscored else 0.0,
        }
