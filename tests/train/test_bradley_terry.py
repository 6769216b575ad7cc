from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from finesight.errors import InputError
from finesight.train.bradley_terry import Pairs, fit_tilt, ordered, ordered_by_others, pairs_of, ridge_of


def pairs(count: int = 200, size: int = 6, seed: int = 0) -> Pairs:
    """Pairs whose order follows from the odds and the first feature, and some chance."""
    rng = np.random.default_rng(seed)
    features, odds = rng.standard_normal((count, size)), rng.standard_normal(count)
    better = odds + 1.5 * features[:, 0] + 0.3 * rng.standard_normal(count) > 0
    sign = np.where(better, 1.0, -1.0)
    return Pairs(
        torch.tensor(features * sign[:, None], dtype=torch.float32),
        torch.tensor(odds * sign, dtype=torch.float32),
        torch.arange(count) // 4,
    )


def plain(penalty: float, size: int = 6) -> torch.Tensor:
    """The ridge of a single scene, which does not vary."""
    return ridge_of(torch.zeros(1, size), penalty, 1.0)


@pytest.mark.parametrize(("penalty", "constancy"), [(1e-3, 0.0), (0.1, 0.0), (1e-3, 0.05)])
def test_it_is_the_minimum_that_another_library_finds(penalty, constancy):
    some = pairs()
    scenes = np.random.default_rng(1).standard_normal((40, 6)) * np.arange(1, 7)
    x = np.column_stack([some.odds.numpy(), some.features.numpy()]).astype(float)

    def loss(w: np.ndarray) -> float:
        held = penalty * (w[1:] @ w[1:]) + constancy * (scenes @ w[1:]).var()
        return float(np.logaddexp(0, -x @ w).mean() + held)

    best = minimize(loss, np.ones(x.shape[1]), method="BFGS", options={"gtol": 1e-9}).x
    tilt = fit_tilt(some, ridge_of(torch.tensor(scenes), penalty, constancy)).numpy()
    np.testing.assert_allclose(tilt, best[1:] / best[0], rtol=1e-3, atol=1e-4)


def test_a_tilt_that_is_held_constant_tells_clean_scenes_less_apart():
    some, generator = pairs(), torch.Generator().manual_seed(2)
    # Two features tell better from worse alike; the second also differs from scene to scene.
    some = some._replace(features=some.features[:, :1].repeat(1, 2))
    scenes = torch.randn(50, 2, generator=generator) * torch.tensor([0.1, 3.0])
    free, held = (fit_tilt(some, ridge_of(scenes, 1e-2, constancy)) for constancy in (0.0, 1.0))
    assert float((scenes @ held).std()) < 0.2 * float((scenes @ free).std())
    assert ordered(some, held).float().mean() > ordered(some).float().mean() + 0.1


def test_what_scores_order_wrongly_and_features_tell_comes_in_order_on_other_pictures_too():
    some = pairs()
    before = ordered(some).float().mean()
    after = ordered_by_others(some, plain(1e-3)).float().mean()
    assert before < 0.75
    assert after > 0.9
    # Features that tell nothing tilt nothing for others.
    blind = some._replace(features=torch.randn(200, 6, generator=torch.Generator().manual_seed(1)))
    assert ordered_by_others(blind, plain(0.1)).float().mean() == pytest.approx(float(before), abs=0.06)


def test_pairs_of_a_group_are_never_judged_by_a_fit_to_it():
    # Scores have the pairs of ten groups in the wrong order, those of ten others in the right one. Each of the former
    # can be put right by a feature of its own, which no other group has.
    groups = torch.arange(20).repeat_interleave(2)
    wrong = groups < 10
    features = torch.nn.functional.one_hot(groups, 20).float() * wrong[:, None]
    some = Pairs(features, torch.where(wrong, -0.1, 1.0), groups)
    assert ordered(some, fit_tilt(some, plain(1e-4, 20))).all()
    assert torch.equal(ordered_by_others(some, plain(1e-4, 20)), ~wrong)


@given(st.floats(1e-4, 1e2))
def test_the_larger_the_penalty_the_smaller_the_tilt(penalty):
    some = pairs(60)
    assert (
        float(fit_tilt(some, plain(4 * penalty)).norm())
        <= float(fit_tilt(some, plain(penalty)).norm()) + 1e-6
    )


def test_scores_that_order_the_other_way_are_an_error():
    some = pairs()
    with pytest.raises(InputError, match="train its dense head first"):
        fit_tilt(some._replace(odds=-some.odds.abs(), features=torch.zeros_like(some.features)), plain(0.01))


def test_pairs_are_neighbours_of_a_series_better_less_worse():
    first = [(torch.tensor([1.0]), 3.0), (torch.tensor([4.0]), 1.0), (torch.tensor([9.0]), 2.0)]
    second = [(torch.tensor([5.0]), 0.5), (torch.tensor([2.0]), 0.0)]
    found = pairs_of([first, second], [7, 8])
    assert found.features.tolist() == [[-3.0], [-5.0], [3.0]]
    assert found.odds.tolist() == [2.0, -1.0, 0.5]
    assert found.group.tolist() == [7, 7, 8]


def test_a_picture_twice_is_no_pair():
    twice = [(torch.tensor([1.0]), 3.0)] * 2
    worse = [*twice, (torch.tensor([1.0]), 2.0)]
    assert pairs_of([twice, worse], [0, 1]).odds.tolist() == [1.0]
    with pytest.raises(InputError, match="no series has two pictures that differ"):
        pairs_of([twice], [0])
