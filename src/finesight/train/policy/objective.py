"""The objective of GRPO and its kin as a pure function from a record of tensors to a record of tensors.

One formula serves them all. With the ratio r of a token's probability now to that when it was drawn, and the
advantage A of its answer,

    loss = sum over tokens of  weight * (-min(r A, clip(r, 1 - low, 1 + high) A) + beta * kl)

and what differs is the ratio (of a token, or of its whole answer), the weights, and whether there is a kl.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Normalise = Literal["grpo", "dapo", "dr_grpo"]


class ObjectiveSettings(BaseModel):
    """The objective by its names in TRL.

    References:
        grpo: Shao et al., arXiv 2402.03300, eq. 3. dapo: Yu et al., arXiv 2503.14476, eq. 8 (token mean, clip
        higher). dr_grpo: Liu et al., arXiv 2503.20783, section 3.2. sequence: Zheng et al., "GSPO", arXiv
        2507.18071, eq. 5-7. kl: Schulman, "Approximating KL Divergence", 2020 (k3). importance_cap: Yao et al.,
        "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training", 2025 (truncated importance
        sampling).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalise: Normalise = Field(
        default="dapo",
        description="mean over all tokens (dapo), over answers of their token means (grpo), or the sum of "
        "tokens over answers x longest possible answer (dr_grpo)",
    )
    ratio: Literal["token", "sequence"] = Field(default="token", description="sequence: GSPO")
    clip_low: float = Field(default=0.2, ge=0, lt=1)
    clip_high: float = Field(default=0.28, ge=0)
    kl: float = Field(
        default=0.0, ge=0, description="weight of the divergence from the starting model; 0: there is none"
    )
    importance_cap: float | None = Field(
        default=None, gt=0, description="most that a token drawn by another engine may be weighted up by"
    )


class Drawn(NamedTuple):
    """Answer tokens of a pass, (T,) each.

    now: log-probabilities, differentiable. old: those when the answers were drawn. advantages: of each
    token's answer. owner: number of its answer. weights: its share in the mean of the step, see
    `token_weights`. reference: log-probabilities of the starting model. drawn: log-probabilities as the
    engine told them that drew the answers, where it is another one.
    """

    now: Tensor
    old: Tensor
    advantages: Tensor
    owner: Tensor
    weights: Tensor
    reference: Tensor | None = None
    drawn: Tensor | None = None


class Verdict(NamedTuple):
    """loss: scalar. clipped: (T,) bool, tokens whose gradient the clip took away. kl: (T,) or None."""

    loss: Tensor
    clipped: Tensor
    kl: Tensor | None


def objective(drawn: Drawn, settings: ObjectiveSettings) -> Verdict:
    """The loss of a pass: its share of the step's, so that passes and ranks add up."""
    ratio = _ratio(drawn, settings.ratio)
    low, high = 1 - settings.clip_low, 1 + settings.clip_high
    free, held = ratio * drawn.advantages, ratio.clamp(low, high) * drawn.advantages
    per_token = -torch.minimum(free, held)
    if settings.importance_cap is not None and drawn.drawn is not None:
        per_token = per_token * (drawn.old - drawn.drawn).exp().clamp(max=settings.importance_cap)
    kl = None
    if drawn.reference is not None:
        kl = k3(drawn.reference - drawn.now)
        per_token = per_token + settings.kl * kl
    return Verdict((per_token * drawn.weights).sum(), held < free, kl)


def k3(log_ratio: Tensor) -> Tensor:
    """exp(x) - x - 1, at least 0: an estimate of KL(p || q), given x = log q - log p of what p drew."""
    return log_ratio.exp() - log_ratio - 1


class Totals(NamedTuple):
    """What the mean of a step is taken over; known to all ranks. limit: tokens of the longest possible answer."""

    answers: int
    tokens: int
    limit: int


def token_weights(owner: Tensor, normalise: Normalise, totals: Totals) -> Tensor:
    """(T,) share of each token in the mean of a step.

    Args:
        owner: (T,) number of each token's answer, all tokens of an answer among them.
    """
    if normalise == "dapo":
        return torch.full(owner.shape, 1 / totals.tokens, device=owner.device)
    if normalise == "dr_grpo":
        return torch.full(owner.shape, 1 / (totals.answers * totals.limit), device=owner.device)
    return 1 / (totals.answers * torch.bincount(owner)[owner])


def _ratio(drawn: Drawn, kind: Literal["token", "sequence"]) -> Tensor:
    """(T,) ratios of probabilities: of each token, or the geometric mean over its answer."""
    log_ratio = drawn.now - drawn.old
    if kind == "token":
        return log_ratio.exp()
    counts = torch.bincount(drawn.owner)
    sums = torch.zeros(len(counts), dtype=log_ratio.dtype, device=log_ratio.device)
    means = sums.index_add(0, drawn.owner, log_ratio) / counts.clamp_min(1)
    return means[drawn.owner].exp()


def read_policy(logits: Tensor, targets: Tensor, temperature: float, forbidden: Tensor) -> Tensor:
    """(T, 2): log-probability of each token, and the entropy of the distribution it was drawn from.

    The distribution is the one that is sampled from: at the temperature, and without the tokens that are never
    sampled. The entropy has no gradient.

    Args:
        logits: (T, V). targets: (T,) ids. forbidden: ids.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    logits = logits.index_fill(1, forbidden, torch.finfo(logits.dtype).min / 2)
    every = logits.log_softmax(-1)
    with torch.no_grad():
        entropy = -(every.exp() * every).sum(-1)
    return torch.stack([every.gather(1, targets[:, None])[:, 0], entropy], dim=1)
