"""Confidence intervals by resampling, the same for the same seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

RESAMPLES, COVERAGE = 1000, 0.95


def bootstrap_intervals(
    statistics: Callable[[NDArray[np.intp]], Mapping[str, float | None]],
    count: int,
    *,
    resamples: int = RESAMPLES,
    coverage: float = COVERAGE,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Percentile intervals (low, high) of named statistics over `count` items; none where there is no item.

    Args:
        statistics: of the items at the given indices, (count,) drawn with replacement; None where one is
            undefined for that draw. None is its interval too where half of the draws or more are.
        coverage: probability inside an interval, in (0, 1).

    References:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
    """
    random = np.random.default_rng(seed)
    draws: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(resamples if count else 0):
        for name, value in statistics(random.integers(count, size=count)).items():
            draws[name] += [] if value is None else [value]
    return {name: _middle(v, coverage) if 2 * len(v) > resamples else None for name, v in draws.items()}


def _middle(values: list[float], coverage: float) -> Interval:
    low, high = np.quantile(values, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)
