from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.train.policy.advantage import STEADY, advantages, centred, deviation

reward = st.floats(0, 1)
maybe = st.none() | reward
groups = st.lists(st.lists(maybe, min_size=2, max_size=16), min_size=1, max_size=5)
scales = st.sampled_from(["none", "group", "batch"])


@given(groups, scales)
def test_advantages_of_a_group_sum_to_zero(rewards, scale):
    for group in advantages(rewards, scale):
        scored = [a for a in group if a is not None]
        assert math.fsum(scored) == pytest.approx(0, abs=1e-9 * (1 + max(map(abs, scored), default=0)))


@given(reward, st.integers(2, 16), scales)
def test_equal_rewards_have_advantages_of_exactly_zero(value, size, scale):
    assert advantages([[value] * size], scale) == [[0.0] * size]


@given(groups, scales)
def test_an_unscored_answer_has_no_advantage_and_moves_no_mean(rewards, scale):
    found = advantages(rewards, scale)
    for group, before in zip(found, rewards, strict=True):
        assert [a is None for a in group] == [r is None for r in before]
    without = [[r for r in group if r is not None] for group in rewards]
    kept = [[a for a in group if a is not None] for group in found]
    if all(len(group) >= 2 for group in without):
        assert advantages(without, scale) == kept


def test_unscored_is_not_zero():
    assert centred([1.0, None, 0.0]) == [0.5, None, -0.5]
    assert centred([1.0, 0.0, 0.0]) == pytest.approx([2 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize("rewards", [[], [0.5], [None]])
def test_a_group_of_one_is_refused(rewards):
    with pytest.raises(ValueError, match="at least two"):
        centred(rewards)


@given(groups)
def test_the_group_scale_divides_by_numpys_deviation(rewards):
    for group, found in zip(rewards, advantages(rewards, "group"), strict=True):
        scored = np.array([r for r in group if r is not None])
        if len(scored) < 2 or scored.min() == scored.max():
            continue
        wanted = (scored - scored.mean()) / (scored.std(ddof=1) + STEADY)
        assert [a for a in found if a is not None] == pytest.approx(wanted, abs=1e-9)


@given(groups)
def test_the_batch_scale_divides_all_groups_by_the_same(rewards):
    divisor = deviation([r for group in rewards for r in group]) + STEADY
    for group, found in zip(rewards, advantages(rewards, "batch"), strict=True):
        wanted = [None if a is None else a / divisor for a in centred(group)]
        assert found == wanted


@given(st.lists(reward, min_size=2, max_size=8), st.floats(-1, 1))
def test_adding_the_same_to_all_rewards_changes_nothing(rewards, shift):
    assert centred([r + shift for r in rewards]) == pytest.approx(centred(rewards), abs=1e-12)
