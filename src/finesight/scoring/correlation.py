"""Agreement of predicted with mean opinion scores: SRCC, PLCC, KRCC, RMSE."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import least_squares
from scipy.stats import kendalltau, rankdata

from finesight.scoring.bootstrap import RESAMPLES, Interval, bootstrap_intervals

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure of agreement: how it is computed, which way is better, and its bounds (None: unbounded)."""

    compute: Callable[[Vector, Vector], float]
    higher_is_better: bool
    low: float
    high: float | None


class Agreement(BaseModel):
    """One metric's value with its interval, or None and the reason why there is none."""

    model_config = ConfigDict(frozen=True)

    value: float | None
    interval: Interval | None = None
    reason: str | None = None
    higher_is_better: bool
    range: tuple[float, float | None]


def plcc(predicted: Vector, mos: Vector) -> float:
    """Pearson's linear correlation of two vectors (n,) that are not constant, in [-1, 1]."""
    a, b = predicted - predicted.mean(), mos - mos.mean()
    # Scaled first: squares of very small or large deviations would leave the range of floats.
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float(np.clip(a @ b / math.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def srcc(predicted: Vector, mos: Vector) -> float:
    """Spearman's rank correlation, in [-1, 1]: Pearson's of the ranks, ties at their mean rank."""
    return plcc(rankdata(predicted), rankdata(mos))


def krcc(predicted: Vector, mos: Vector) -> float:
    """Kendall's tau-b, in [-1, 1]: concordant minus discordant pairs, corrected for ties."""
    return float(kendalltau(predicted, mos).statistic)


def rmse(predicted: Vector, mos: Vector) -> float:
    """Root of the mean squared difference, in the units of the scores, from 0 up."""
    return float(np.sqrt(np.mean((predicted - mos) ** 2)))


METRICS = {
    "srcc": Metric(srcc, higher_is_better=True, low=-1, high=1),
    "plcc": Metric(plcc, higher_is_better=True, low=-1, high=1),
    "krcc": Metric(krcc, higher_is_better=True, low=-1, high=1),
    "rmse": Metric(rmse, higher_is_better=False, low=0, high=None),
}

FITTED = ("plcc", "rmse")
"""The metrics that compare values and not ranks, and so may want the logistic first."""

SHORTEST = 3
"""Below this a correlation says nothing: two points always lie on a line."""


def logistic(x: Vector, top: float, bottom: float, middle: float, width: float) -> Vector:
    """The 4-parameter logistic (top - bottom) / (1 + exp(-(x - middle) / |width|)) + bottom."""
    slope = (x - middle) / max(abs(width), 1e-12)
    return np.asarray((top - bottom) / (1 + np.exp(-np.clip(slope, -500, 500))) + bottom)


def fit_logistic(predicted: ArrayLike, mos: ArrayLike) -> Vector | None:
    """Predictions (n,) mapped onto the scale of the scores by the best logistic; None where none was found.

    Needs more than four points, and predictions that differ.

    References:
        VQEG, "Final report on the validation of objective models of video quality assessment, phase II",
        2003, section 5.4: the curve and the common starting values.
    """
    x, y = np.asarray(predicted, dtype=float), np.asarray(mos, dtype=float)
    if len(x) <= 4 or np.ptp(x) == 0:
        return None
    # A rising start and a falling one: a metric may run against the scores.
    ends = [(y.max(), y.min()), (y.min(), y.max())]
    fits = [_fit(x, y, (top, bottom, x.mean(), x.std() / 4)) for top, bottom in ends]
    found = [fit for fit in fits if fit is not None]
    return min(found, key=lambda mapped: rmse(mapped, y), default=None)


def _fit(x: Vector, y: Vector, start: tuple[float, float, float, float]) -> Vector | None:
    found = least_squares(
        lambda parameters: logistic(x, *parameters) - y, start, method="lm", max_nfev=20_000
    )
    mapped = logistic(x, *found.x)
    return mapped if found.success and np.isfinite(mapped).all() else None


def agreement(
    predicted: ArrayLike, mos: ArrayLike, *, fitted: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Agreement]:
    """Every metric of `METRICS` with its 95 % bootstrap interval.

    Args:
        predicted, mos: (n,), of the same pictures in the same order.
        fitted: map the predictions through `fit_logistic` before PLCC and RMSE. The curve is fitted once, so
            their intervals say nothing about the uncertainty of the fit.
    """
    x, y = np.asarray(predicted, dtype=float), np.asarray(mos, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"two vectors of one length are expected, not {x.shape} and {y.shape}")
    mapped = fit_logistic(x, y) if fitted else x
    pairs = {name: (mapped if name in FITTED else x, y) for name in METRICS}

    def drawn(chosen: NDArray[np.intp]) -> dict[str, float | None]:
        return {
            name: _measure(METRICS[name], a[chosen], b[chosen])[0]
            for name, (a, b) in pairs.items()
            if a is not None
        }

    intervals = bootstrap_intervals(drawn, len(x), resamples=resamples, seed=seed)
    return {name: _agreement(METRICS[name], a, b, intervals.get(name)) for name, (a, b) in pairs.items()}


def _agreement(metric: Metric, x: Vector | None, y: Vector, interval: Interval | None) -> Agreement:
    value, reason = (None, "no logistic fits these scores") if x is None else _measure(metric, x, y)
    return Agreement(
        value=value,
        interval=None if value is None else interval,
        reason=reason,
        higher_is_better=metric.higher_is_better,
        range=(metric.low, metric.high),
    )


def _measure(metric: Metric, x: Vector, y: Vector) -> tuple[float | None, str | None]:
    """The metric's value, or why there is none."""
    reason = _obstacle(x, y, correlates=metric.low < 0)
    return (None, reason) if reason else (metric.compute(x, y), None)


def _obstacle(x: Vector, y: Vector, *, correlates: bool) -> str | None:
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "a score is not finite"
    if len(x) < (SHORTEST if correlates else 1):
        return f"{len(x)} pictures are too few"
    if not correlates:
        return None
    flat = [name for name, v in (("predicted", x), ("true", y)) if np.ptp(v) == 0]
    return f"all {' and '.join(flat)} scores are the same" if flat else None
