"""Attention in a tree without work between branches: which segments each segment has to be held against.

Under a mask over the whole sequence every branch is multiplied with every other one only for the result to be
thrown away. Here a row is cut into its segments, and each attends to the ones above it, all of them, and to
itself, causally. As segments stand in their order, their results end to end are those of the row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Segment(NamedTuple):
    """A segment of a row: its length, and the numbers of those above it, from the root down.

    mask: (length, length of those above + length) bool, what each token sees; None for a root, which is causal.
    """

    length: int
    above: tuple[int, ...]
    mask: Tensor | None


class Forks(NamedTuple):
    """The segments of each row, in order; what is behind the last one is padding."""

    rows: tuple[tuple[Segment, ...], ...]

    def to(self, device: torch.device | str) -> Forks:
        """The same on another device."""
        return Forks(
            tuple(
                tuple(s._replace(mask=None if s.mask is None else s.mask.to(device)) for s in row)
                for row in self.rows
            )
        )


def segment(length: int, above: tuple[int, ...], seen: int) -> Segment:
    """A segment that sees `seen` tokens of those above it."""
    mask = torch.ones(length, seen + length, dtype=torch.bool).tril(seen) if above else None
    return Segment(length, above, mask)
