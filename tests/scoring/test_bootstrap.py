"""Intervals by resampling."""

import numpy as np
import pytest

from finesight.scoring.bootstrap import bootstrap_intervals

SAMPLE = np.random.default_rng(7).normal(3.0, 2.0, 400)


def mean(chosen):
    return {"mean": float(SAMPLE[chosen].mean())}


def test_the_interval_of_a_mean_is_that_of_the_normal_theory():
    low, high = bootstrap_intervals(mean, len(SAMPLE), resamples=4000)["mean"]
    half = 1.96 * SAMPLE.std() / np.sqrt(len(SAMPLE))
    assert (low, high) == pytest.approx((SAMPLE.mean() - half, SAMPLE.mean() + half), abs=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_gives_another():
    first, again, other = (bootstrap_intervals(mean, len(SAMPLE), seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_more_coverage_is_a_wider_interval():
    narrow, wide = (bootstrap_intervals(mean, len(SAMPLE), coverage=c)["mean"] for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_statistic_that_is_mostly_undefined_has_no_interval():
    flags = np.array([True, *[False] * 9])

    def statistics(chosen):
        drawn = flags[chosen].any()
        return {"rare": 1.0 if flags[chosen].sum() > 2 else None, "common": 1.0 if drawn else None}

    assert bootstrap_intervals(statistics, 10) == {"rare": None, "common": (1.0, 1.0)}


def test_nothing_has_no_intervals():
    assert bootstrap_intervals(mean, 0) == {}
