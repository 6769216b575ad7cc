"""Which of two pictures is the better one, from their features: the model of Bradley and Terry, fitted exactly.

References:
    Bradley & Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952): P(a over b) = sigmoid(a - b).
    Liu et al., "RankIQA", arXiv 1707.08347: pictures ranked by how much they were distorted teach quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from finesight.errors import InputError

FOLDS = 5
_STEPS = 500


class Pairs(NamedTuple):
    """P pairs of a better and a worse picture: the differences, better less worse, of what is known of them.

    features: (P, F). odds: (P,) of the score before it is tilted, in log-odds. group: (P,) pairs of one group are not
    told from each other's pictures when a fit is checked.
    """

    features: Tensor
    odds: Tensor
    group: Tensor

    def where(self, chosen: Tensor) -> Pairs:
        """Some of them; chosen: (P,) bool."""
        return Pairs(*(values[chosen] for values in self))


def ridge_of(scenes: Tensor, penalty: float, constancy: float) -> Tensor:
    """(F, F) the H of `fit_tilt` with which w H w = penalty |w|^2 + constancy x variance of w features over scenes.

    Args:
        scenes: (S, F) features of pictures of several scenes with nothing to complain of, which a tilt should not
            tell from each other. One scene has no variance.
    """
    alike = torch.eye(scenes.shape[1], dtype=torch.float64) * penalty
    return alike + constancy * torch.cov(scenes.double().T, correction=0)


def fit_tilt(pairs: Pairs, ridge: Tensor) -> Tensor:
    """(F,) weights of the features by which the log-odds of the score are tilted, so that pairs come out in order.

    The minimum over w and k of mean(-log sigmoid(k odds + w features)) + w H w, a convex problem, by L-BFGS;
    returned is w / k. What the score orders by itself is not learnt again.

    Args:
        ridge: (F, F) the positive definite H, in float64 as `ridge_of` makes it.

    Raises:
        InputError: the score does not order the pairs at all, so that there is nothing to tilt.
    """
    features, odds = pairs.features.double(), pairs.odds.double()
    weights = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    trust = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, trust], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.softplus(-(trust * odds + features @ weights)).mean() + weights @ ridge @ weights
        torch.autograd.backward(value)
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    if float(trust.detach()) <= 0:
        raise InputError("the scores of this model do not order these series: train its dense head first")
    return (weights / trust).detach().to(pairs.features)


def ordered(pairs: Pairs, tilt: Tensor | None = None) -> Tensor:
    """(P,) whether the score, tilted or not, has the better picture above the worse."""
    margin = pairs.odds if tilt is None else pairs.odds + pairs.features @ tilt
    return margin > 0


def ordered_by_others(pairs: Pairs, ridge: Tensor) -> Tensor:
    """(P,) likewise, each pair tilted by what was fitted to the other groups (cross-validation in FOLDS parts)."""
    right = torch.zeros(len(pairs.odds), dtype=torch.bool)
    for fold in range(FOLDS):
        held = pairs.group % FOLDS == fold
        if held.any() and not held.all():
            right[held] = ordered(pairs.where(held), fit_tilt(pairs.where(~held), ridge))
    return right


def pairs_of(series: Sequence[Sequence[tuple[Tensor, float]]], groups: Sequence[int]) -> Pairs:
    """Neighbours of each series, which goes from its best picture to its worst: (features (F,), log-odds) of each.

    Neighbours that are the same picture (nothing showed in its scene) say nothing, and are left out.

    Args:
        groups: of each series, by number.

    Raises:
        InputError: no two neighbours differ.
    """
    features, odds, group = [], [], []
    for pictures, number in zip(series, groups, strict=True):
        for (better, higher), (worse, lower) in pairwise(pictures):
            if higher == lower and torch.equal(better, worse):
                continue
            features.append(better - worse)
            odds.append(higher - lower)
            group.append(number)
    if not features:
        raise InputError("no series has two pictures that differ: make some of scenes with more to see")
    return Pairs(torch.stack(features), torch.tensor(odds), torch.tensor(group))
