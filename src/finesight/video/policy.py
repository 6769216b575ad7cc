"""Learns from attempts which way of doing a plan suits a shot: a ridge regression of the reward for each way. Pure.

What is learnt is cautious: another way than that of the rules is preferred only where the lower bound of what it is
worth (a deviation below the estimate) is above what the rules' way is worth.

References: A. Hoerl, R. Kennard, "Ridge regression", 1970; L. Li et al., arXiv:1003.0146, equations 3 to 5 (the
deviation of an estimate under ridge regression).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from finesight.errors import InputError
from finesight.schema.feedback import Attempt
from finesight.schema.policy import ArmModel, Policy
from finesight.video.exploring import PLANNED

PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
CAUTION = 1.0
"""Deviations by which the estimate of another way is lowered."""
_DIGITS = 8
_FLAT = 1e-9

Array = NDArray[np.float64]


def first_tries(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those that say what a choice was worth. A later try is made only where the first has failed, so that by it a
    way would look worse, or better, than it is."""
    return [one for one in attempts if one.reward is not None and one.propensity is not None]


def fit(tries: Sequence[Attempt]) -> Policy:
    """A policy, not valued yet.

    Raises:
        InputError: there are no tries.
    """
    if not tries:
        raise InputError("no first try to learn from; `finesight video run --feedback STORE` adds some")
    names = sorted({name for one in tries for name in one.features})
    table = np.array([[one.features.get(name, np.nan) for name in names] for one in tries])
    mean, scale = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    kept = np.flatnonzero(scale > _FLAT)
    features = tuple(names[i] for i in kept)
    policy = Policy(
        features=features,
        mean=_rounded(mean[kept]),
        scale=_rounded(scale[kept]),
        arms={},
        tries=len(tries),
    )
    rows = np.array([_row(policy, one.features) for one in tries])
    rewards = np.array([one.reward for one in tries], float)
    arms = {}
    for arm in sorted({one.arm for one in tries}):
        mine = np.array([one.arm == arm for one in tries])
        arms[arm] = _ridge(rows[mine], rewards[mine])
    return policy.model_copy(update={"arms": arms})


def worth(policy: Policy, features: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """What each way that was tried is worth, and the deviation of that, by name of the way."""
    row = _row(policy, features)
    return {arm: _estimate(model, row) for arm, model in policy.arms.items()}


def prefer(policy: Policy, features: Mapping[str, float], arms: Sequence[str]) -> str:
    """The way that suits best, of those that there are; that of the rules unless another one surely does."""
    known = worth(policy, features)
    if PLANNED not in known:
        return PLANNED
    bounds = {arm: known[arm][0] - CAUTION * known[arm][1] for arm in arms if arm in known and arm != PLANNED}
    best = max(bounds, key=lambda arm: bounds[arm], default=PLANNED)
    return best if best != PLANNED and bounds[best] > known[PLANNED][0] else PLANNED


def read_policy(path: Path) -> Policy:
    """A policy from its file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return Policy.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: is no policy ({told}); `finesight video learn-policy STORE --out {path}` makes one"
        ) from error


def _row(policy: Policy, features: Mapping[str, float]) -> Array:
    """1 and the standardised features; what is not known counts as the mean."""
    known = np.array([features.get(name, np.nan) for name in policy.features], float)
    standard = (known - np.array(policy.mean)) / np.array(policy.scale)
    return np.concatenate([[1.0], np.nan_to_num(standard, nan=0.0)])


def _ridge(rows: Array, rewards: Array) -> ArmModel:
    """The penalty that predicts left-out tries best; the constant is not penalised."""
    return min((_with_penalty(rows, rewards, penalty) for penalty in PENALTIES), key=lambda pair: pair[0])[1]


def _with_penalty(rows: Array, rewards: Array, penalty: float) -> tuple[float, ArmModel]:
    """The mean squared error of each try predicted by the others, in closed form, and the model."""
    penalties = np.full(rows.shape[1], penalty)
    penalties[0] = 0
    spread = np.linalg.inv(rows.T @ rows + np.diag(penalties))
    weights = spread @ rows.T @ rewards
    leverage = np.einsum("ij,jk,ik->i", rows, spread, rows)
    left = rewards - rows @ weights
    freedom = max(1.0, len(rewards) - float(leverage.sum()))
    model = ArmModel(
        weights=_rounded(weights),
        spread=tuple(_rounded(row) for row in spread),
        noise=round(float(left @ left) / freedom, _DIGITS),
        penalty=penalty,
        tries=len(rewards),
    )
    return float(np.mean((left / np.maximum(1 - leverage, _FLAT)) ** 2)), model


def _estimate(model: ArmModel, row: Array) -> tuple[float, float]:
    variance = model.noise * float(row @ np.array(model.spread) @ row)
    return float(row @ np.array(model.weights)), float(np.sqrt(max(0.0, variance)))


def _rounded(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), _DIGITS) for value in values)
