"""What is known of a group, and what of it can teach."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finesight.data.mine.difficulty import Reason, difficulty, informative, together, unfit, unknown
from finesight.data.mine.settings import Band

reward = st.floats(0, 1, width=32)
maybe = st.none() | reward
groups = st.lists(maybe, max_size=9)
bands = st.tuples(reward, reward, reward).map(
    lambda three: Band(low=min(three[:2]), high=max(three[:2]), epsilon=three[2])
)


@given(groups)
def test_mean_and_range_are_those_of_the_answers_that_have_a_reward(rewards):
    found, scored = difficulty(rewards), [r for r in rewards if r is not None]
    if not scored:
        assert found is None
    else:
        assert found.scored == len(scored)
        assert found.mean == pytest.approx(statistics.mean(scored), abs=1e-12)
        assert found.range == max(scored) - min(scored)


@given(groups, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_answers_nor_those_without_reward_change_anything(rewards, rng):
    mixed = [*rewards, None, None]
    rng.shuffle(mixed)
    assert difficulty(mixed) == difficulty(rewards)


@given(groups, bands)
def test_what_mining_keeps_grpo_finds_informative(rewards, band):
    found = difficulty(rewards)
    assume(unknown(found, 2) is None)
    if unfit(found, band) is None:
        assert informative(rewards, band.epsilon)
        assert band.low <= found.mean <= band.high


@given(st.lists(reward, min_size=2, max_size=9), reward)
def test_in_the_widest_band_only_the_range_counts(rewards, epsilon):
    kept = unfit(difficulty(rewards), Band(low=0, high=1, epsilon=epsilon)) is None
    assert kept == informative(rewards, epsilon)


@pytest.mark.parametrize(
    ("rewards", "teaches"),
    [
        ([], False),
        ([None, None], False),
        ([1.0], False),
        ([None, 1.0], False),
        ([0.5, 0.5, 0.5], False),
        ([0.5, 0.5, None, 0.75], True),
        ([0.5, 0.55], True),
        ([0.5, 0.54], False),
    ],
)
def test_a_group_teaches_where_two_rewards_differ_enough(rewards, teaches):
    assert informative(rewards, 0.045) is teaches


def test_a_filter_by_the_mean_alone_would_keep_what_has_no_gradient():
    rewards = [0.5] * 8
    assert Band().low < difficulty(rewards).mean < Band().high
    assert unfit(difficulty(rewards), Band()) is Reason.NO_SPREAD


@pytest.mark.parametrize(
    ("rewards", "band", "reason"),
    [
        ([1, 1, 1], Band(low=0, high=1), Reason.TOO_EASY),
        ([0, 0, 0], Band(low=0, high=1), Reason.TOO_HARD),
        ([1, 1, 0.9], Band(), Reason.TOO_EASY),
        ([0, 0, 0.1], Band(), Reason.TOO_HARD),
        ([0, 0, 0.5], Band(), None),
        ([0.9, 0.9, 0.9, 0.9], Band(), Reason.NO_SPREAD),
        ([0, 0, 0, 0, 0, 0, 0, 1], Band(), None),
        ([1, 1, 1, 1, 1, 1, 1, 0], Band(), None),
    ],
)
def test_why_a_group_is_not_trained_on(rewards, band, reason):
    assert unfit(difficulty(rewards), band) is reason


@pytest.mark.parametrize(
    ("rewards", "reason"),
    [([None] * 3, Reason.UNSCORED), ([0, 1, 1, None], Reason.TOO_FEW_SCORED), ([0, 1, 1, 1, None], None)],
)
def test_what_is_not_known_well_enough(rewards, reason):
    assert unknown(difficulty(rewards), 4) is reason


@given(st.lists(st.lists(reward, min_size=3, max_size=3), min_size=1, max_size=5))
def test_questions_in_one_prompt_earn_the_mean_of_what_they_earn(members):
    """Answer n of the prompt: the n-th answers of all; in the best case for its range they are sorted alike."""
    as_one = difficulty([statistics.mean(nth) for nth in zip(*map(sorted, members), strict=True)])
    found = together([difficulty(rewards) for rewards in members])
    assert found.scored == 3
    assert found.mean == pytest.approx(as_one.mean, abs=1e-12)
    assert found.range == pytest.approx(as_one.range, abs=1e-12)
