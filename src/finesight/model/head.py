"""Logits a few tokens at a time: what is read off them is kept, they themselves never stand there all at once.

A vocabulary of 150,000 makes the logits of a batch of answers the largest tensor of a step by far. In the
backward pass those of each chunk are computed again.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Read = Callable[[Tensor, Tensor], Tensor]
"""What to make of logits (C, V) and target ids (C,): a tensor (C, ...)."""

CHUNK_LOGITS = 2**26
"""Logits at a time: 256 MB of float32, 447 tokens of a vocabulary of 150,000."""


def logits_themselves(logits: Tensor, targets: Tensor) -> Tensor:
    """The logits: for small batches, and for tests."""
    return logits


def read_answers(hidden: Tensor, head: nn.Module, targets: Tensor, read: Read, chunk: int) -> Tensor:
    """What `read` makes of the logits of every token, (A, ...), gradients included.

    Args:
        hidden: (A, H) last hidden states. head: to (A, V) logits. targets: (A,) ids.
        chunk: tokens at a time, from 1; where all of them fit into one, nothing is computed again.
    """

    def of(some: Tensor, wanted: Tensor) -> Tensor:
        return read(head(some), wanted)

    if len(hidden) <= chunk:
        return of(hidden, targets)
    parts = list(zip(torch.split(hidden, chunk), torch.split(targets, chunk), strict=True))
    if not torch.is_grad_enabled():
        return torch.cat([of(*part) for part in parts])
    return torch.cat([checkpoint(of, *part, use_reentrant=False, preserve_rng_state=False) for part in parts])
