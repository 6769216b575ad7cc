"""SRCC, PLCC, KRCC and RMSE against scipy, scikit-learn-free brute force, and their own laws."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from finesight.scoring.correlation import METRICS, agreement, fit_logistic, krcc, logistic, plcc, rmse, srcc

scores = st.integers(0, 40).map(lambda n: n / 8)
pairs = st.lists(st.tuples(scores, scores), min_size=3, max_size=30)


def vectors(both):
    x, y = np.array(both, dtype=float).T
    assume(np.ptp(x) > 0)
    assume(np.ptp(y) > 0)
    return x, y


def slow_kendall(x, y):
    """Tau-b out of all pairs, one by one."""
    concordance = ties_x = ties_y = total = 0
    for i in range(len(x)):
        for j in range(i):
            concordance += np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
            ties_x += x[i] == x[j]
            ties_y += y[i] == y[j]
            total += 1
    return concordance / np.sqrt((total - ties_x) * (total - ties_y))


@given(pairs)
def test_every_correlation_is_what_an_independent_implementation_gives(both):
    x, y = vectors(both)
    assert plcc(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert srcc(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert krcc(x, y) == pytest.approx(slow_kendall(x, y), abs=1e-12)
    assert rmse(x, y) == pytest.approx(np.linalg.norm(x - y) / np.sqrt(len(x)))


@given(pairs, st.floats(0.01, 100), st.floats(-100, 100))
def test_scaling_the_predictions_changes_no_correlation(both, factor, shift):
    x, y = vectors(both)
    assume(np.array_equal(stats.rankdata(x), stats.rankdata(x * factor + shift)))
    for metric in (plcc, srcc, krcc):
        assert metric(x * factor + shift, y) == pytest.approx(metric(x, y), abs=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_size_of_the_numbers_is_no_obstacle(scale):
    x, y = np.array([1.0, 2.0, 4.0]) * scale, np.array([1.0, 3.0, 3.5])
    assert plcc(x, y) == pytest.approx(stats.pearsonr(x / scale, y).statistic)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([2, 2, 2], [1, 2, 3], "all predicted scores are the same"),
        ([1, 2, 3], [2, 2, 2], "all true scores are the same"),
        ([1, 1, 1], [2, 2, 2], "all predicted and true scores are the same"),
        ([1, 2], [1, 2], "2 pictures are too few"),
        ([], [], "0 pictures are too few"),
        ([1, 2, np.nan], [1, 2, 3], "a score is not finite"),
    ],
)
def test_what_has_no_correlation_has_none_and_a_reason(x, y, reason):
    for name in ("srcc", "plcc", "krcc"):
        figure = agreement(x, y, resamples=20)[name]
        assert (figure.value, figure.interval, figure.reason) == (None, None, reason)


def test_constant_scores_still_have_a_distance():
    assert agreement([2, 2, 2], [1, 2, 3], resamples=50)["rmse"].value == pytest.approx(np.sqrt(2 / 3))


def test_every_metric_declares_its_direction_and_range():
    figures = agreement([1, 2, 3, 5], [1, 3, 2, 4], resamples=50)
    assert list(figures) == list(METRICS) == ["srcc", "plcc", "krcc", "rmse"]
    assert [f.higher_is_better for f in figures.values()] == [True, True, True, False]
    assert [f.range for f in figures.values()] == [(-1, 1)] * 3 + [(0, None)]


def test_intervals_hold_the_value_and_are_the_same_for_one_seed():
    random = np.random.default_rng(3)
    y = random.uniform(1, 5, 120)
    x = y + random.normal(0, 0.7, 120)
    first, again = (agreement(x, y, resamples=200, seed=5) for _ in range(2))
    assert first == again
    for figure in first.values():
        assert figure.interval[0] < figure.value < figure.interval[1]


def test_the_logistic_straightens_a_curved_metric_and_leaves_the_ranks():
    x = np.linspace(-3, 3, 80)
    y = logistic(x, 4.8, 1.2, 0.4, 0.5)
    plain, fitted = agreement(x, y, resamples=20), agreement(x, y, fitted=True, resamples=20)
    assert plain["plcc"].value < 0.98
    assert fitted["plcc"].value == pytest.approx(1, abs=1e-6)
    assert fitted["rmse"].value == pytest.approx(0, abs=1e-4)
    assert fitted["srcc"] == plain["srcc"]


@pytest.mark.parametrize("seed", [4, 41, 87, 94])
def test_a_metric_that_falls_with_quality_is_fitted_as_well_as_its_mirror_image(seed):
    # On these a fit that starts from a rising curve only ends in a worse minimum than its mirror image.
    random = np.random.default_rng(seed)
    x = random.normal(size=12)
    y = logistic(x, 1.3, 4.5, random.normal(), 10 ** random.uniform(-1, 1)) + random.normal(0, 0.3, 12)
    assert rmse(fit_logistic(x, y), y) == pytest.approx(rmse(fit_logistic(-x, y), y), abs=1e-4)


@pytest.mark.parametrize("x", [[1, 2, 3, 4], [2, 2, 2, 2, 2, 2]])
def test_without_enough_different_points_there_is_no_logistic_but_a_reason(x):
    figures = agreement(x, range(len(x)), fitted=True, resamples=20)
    assert figures["plcc"].reason == figures["rmse"].reason == "no logistic fits these scores"


def test_vectors_of_two_lengths_are_an_error():
    with pytest.raises(ValueError, match="one length"):
        agreement([1, 2, 3], [1, 2])
