"""What a policy would have been worth, from attempts in which others chose: off-policy evaluation. Pure.

Only tries whose way was drawn count: where one way was certain, nothing is known of the others. The policy that is
valued at a video has learnt from other videos only.

References: D. Horvitz, D. Thompson, 1952 (inverse propensities); M. Dudik et al., arXiv:1103.4601, equation 3 (doubly
robust); A. Swaminathan, T. Joachims, 2015 (self-normalised).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.errors import InputError
from finesight.schema.feedback import Attempt
from finesight.schema.policy import Policy, Value
from finesight.video.exploring import PLANNED
from finesight.video.policy import fit, prefer, worth

LEAST_DRAWN = 30
FOLDS = 5
RESAMPLES = 1000
_CERTAIN = 1 - 1e-9
_DIGITS = 6

Array = NDArray[np.float64]


class Scored(NamedTuple):
    """An estimate a try by inverse propensities, a doubly robust one, and the weight of what was done."""

    ips: Array
    dr: Array
    weights: Array


def learn(tries: Sequence[Attempt]) -> Policy:
    """A policy from first tries, valued beside the rules.

    Raises:
        InputError: too few tries were drawn, always the same way was, or they are of too few videos.
    """
    ids = {one.id for one in tries if (one.propensity or 1) < _CERTAIN and len(one.arms) > 1}
    drawn = [one for one in tries if one.id in ids]
    if len(drawn) < LEAST_DRAWN or len({one.arm for one in drawn}) < 2:
        raise InputError(
            f"of {len(tries)} first tries the way of {len(drawn)} was drawn; at least {LEAST_DRAWN} in different "
            "ways are needed to say what another policy is worth: run videos with --explore 0.2"
        )
    if len({one.mark for one in drawn}) < FOLDS:
        raise InputError(
            f"the tries that were drawn are of {len({one.mark for one in drawn})} videos; shots of one video are "
            f"alike, so that at least {FOLDS} videos are needed"
        )
    folds = _folds(tries)
    of_fold = [
        fit([one for one, own in zip(tries, folds, strict=True) if own != fold]) for fold in range(FOLDS)
    ]
    policies = [of_fold[own] for one, own in zip(tries, folds, strict=True) if one.id in ids]
    learnt = scored(drawn, policies, lambda policy, one: prefer(policy, one.features, one.arms))
    rules = scored(drawn, policies, lambda policy, one: PLANNED)
    groups = _groups(drawn)
    gain = learnt.dr - rules.dr
    return fit(tries).model_copy(
        update={
            "drawn": len(drawn),
            "learnt": _value(learnt, drawn, groups),
            "rules": _value(rules, drawn, groups),
            "gain": (round(float(gain.mean()), _DIGITS), *_interval(gain, groups)),
        }
    )


def scored(
    tries: Sequence[Attempt], policies: Sequence[Policy], choose: Callable[[Policy, Attempt], str]
) -> Scored:
    """What each try says of a policy.

    Args:
        policies: for each try one that has not learnt from it; its estimates are those of the doubly robust one.
        choose: the way that the policy to be valued takes.
    """
    ips, dr, weights = [], [], []
    for one, policy in zip(tries, policies, strict=True):
        known = worth(policy, one.features)
        arm = choose(policy, one)
        weight = 1 / float(one.propensity or 1) if arm == one.arm else 0.0
        reward = float(one.reward or 0)
        ips.append(weight * reward)
        dr.append(_mean(known, arm) + weight * (reward - _mean(known, one.arm)))
        weights.append(weight)
    return Scored(np.array(ips), np.array(dr), np.array(weights))


def _mean(known: dict[str, tuple[float, float]], arm: str) -> float:
    return known[arm][0] if arm in known else 0.0


def _value(scores: Scored, tries: Sequence[Attempt], groups: Sequence[Array]) -> Value:
    weight = float(scores.weights.sum())
    low, high = _interval(scores.dr, groups)
    return Value(
        ips=round(float(scores.ips.mean()), _DIGITS),
        snips=round(float(scores.ips.sum()) / weight, _DIGITS) if weight else 0.0,
        dr=round(float(scores.dr.mean()), _DIGITS),
        low=low,
        high=high,
        effective=round(weight**2 / float((scores.weights**2).sum()), 2) if weight else 0.0,
    )


def _interval(values: Array, groups: Sequence[Array]) -> tuple[float, float]:
    """95 % of the means when videos are drawn with replacement: shots of one video are alike."""
    rng = np.random.default_rng(0)
    sums = np.array([values[group].sum() for group in groups])
    counts = np.array([len(group) for group in groups], float)
    picks = rng.integers(0, len(groups), (RESAMPLES, len(groups)))
    means = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(low), _DIGITS), round(float(high), _DIGITS)


def _groups(tries: Sequence[Attempt]) -> list[Array]:
    """Numbers of the tries of each video."""
    marks = [one.mark for one in tries]
    return [np.array([i for i, mark in enumerate(marks) if mark == mine]) for mine in dict.fromkeys(marks)]


def _folds(tries: Sequence[Attempt]) -> list[int]:
    """The fold of each try; a video is in one fold only."""
    order = {mark: number % FOLDS for number, mark in enumerate(sorted({one.mark for one in tries}))}
    return [order[one.mark] for one in tries]
