from __future__ import annotations

import numpy as np
import pytest

from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards.tally import tally


def group(index: int, subclass: Subclass, rewards: list[float | None], unfinished: int = 0) -> RolloutGroup:
    answers = tuple(
        SampledAnswer(
            text="x", reward=r, unscored="why" if r is None else None, finished=number >= unfinished
        )
        for number, r in enumerate(rewards)
    )
    sample = Sample(id="s", image="a.png", subclass=subclass, question="?", answer="!")
    return RolloutGroup(index=index, sample=sample, model="m", seed=0, sampling=Sampling(), answers=answers)


def test_means_spread_and_counts_are_those_of_numpy():
    rewards = [[0.0, 0.5, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, None], [0.3, 0.3, 0.3], [None, None, None]]
    groups = [group(i, Subclass.ASSESS, own, unfinished=i) for i, own in enumerate(rewards)]
    subclasses, whole = tally(groups)
    scored = [[r for r in own if r is not None] for own in rewards]
    assert list(subclasses) == [Subclass.ASSESS]
    assert subclasses[Subclass.ASSESS] == whole
    assert whole.reward == pytest.approx(np.mean(np.concatenate(scored)))
    assert whole.spread == pytest.approx(np.mean([np.std(own) for own in scored if own]))
    assert (whole.groups, whole.answers, whole.unscored, whole.unfinished) == (5, 15, 4, 0 + 1 + 2 + 3 + 3)
    assert (whole.all_right, whole.all_wrong, whole.alike) == (1, 1, 3)


def test_subclasses_are_apart_and_in_their_order():
    groups = [
        group(0, Subclass.QA, [None]),
        group(1, Subclass.MCQ, [1.0, 0.0]),
        group(2, Subclass.MCQ, [1.0]),
    ]
    subclasses, whole = tally(iter(groups))
    assert list(subclasses) == [Subclass.MCQ, Subclass.QA]
    assert subclasses[Subclass.QA].reward is None
    assert subclasses[Subclass.QA].spread is None
    assert subclasses[Subclass.QA].alike == 0
    assert subclasses[Subclass.MCQ].reward == pytest.approx(2 / 3)
    assert subclasses[Subclass.MCQ].spread == 0.5
    assert whole.groups == 3


def test_of_nothing_there_is_nothing_to_tell():
    subclasses, whole = tally([])
    assert subclasses == {}
    assert whole.reward is None
    assert whole.groups == 0
