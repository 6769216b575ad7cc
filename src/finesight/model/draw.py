"""Which token comes next: the likeliest, or one drawn by a random number that belongs to its answer alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SEED = 2**64


def uniforms(streams: Sequence[tuple[int, int]], count: int) -> NDArray[np.float64]:
    """(R, count) numbers in [0, 1): the first of each random stream (seed, n).

    Philox is keyed, not seeded: streams of different keys are independent, however near the keys are.

    References:
        Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
    """
    drawn = [np.random.Generator(np.random.Philox(key=_key(*s))).random(count) for s in streams]
    return np.stack(drawn) if drawn else np.zeros((0, count))


def likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """(R, V) logits to the likeliest token of each row, (R,), and its log-probability."""
    best, tokens = logits.float().log_softmax(-1).max(-1)
    return tokens, best


def draw(logits: Tensor, numbers: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """(R, V) logits to a token of each row, (R,), drawn by a number in [0, 1) each, (R,) float64.

    The token is the one in whose share of the cumulated probabilities the number falls.

    Args:
        top_p: only the fewest likeliest tokens with at least this mass are drawn from.

    Returns:
        The tokens, and their log-probabilities at this temperature before anything is cut off.

    References:
        Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv 1904.09751, section 3.1 (top-p).
    """
    said = (logits.double() / temperature).log_softmax(-1)
    shares, order = said.exp(), None
    if top_p < 1:
        shares, order = torch.sort(shares, dim=-1, descending=True, stable=True)
        # A token stays if those before it do not have the mass yet: the first one always does.
        shares = shares.masked_fill(shares.cumsum(-1) - shares >= top_p, 0.0)
    cumulated = shares.cumsum(-1)
    total = cumulated[:, -1:]
    # Below the total whatever rounding does, so that what is found has a share.
    wanted = torch.minimum(numbers[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulated, wanted, right=True)
    if order is not None:
        tokens = order.gather(-1, tokens)
    return tokens.squeeze(1), said.gather(-1, tokens).squeeze(1)


def _key(seed: int, n: int) -> NDArray[np.uint64]:
    return np.array([seed % _SEED, n % _SEED], dtype=np.uint64)
