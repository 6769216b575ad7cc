"""Attention in a tree without work between branches: what each segment has to be held against.

Under a mask over the whole sequence every branch is multiplied with every other one only for the result to be
thrown away. Here the prefixes attend causally among themselves, and every segment behind them attends to its
prefix, the segments between and itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


class Forks(NamedTuple):
    """The segments of a batch of B trees of L columns, N behind the prefixes of at most P tokens.

    Columns are numbered over the whole batch: b * L + column.

    prefix: P. rows: (N,) tree of each segment. queries: (N, R) its columns, the last one repeated to the length
    of the longest. near: (N, K) the columns behind the prefix it sees, itself included. mask: (N, 1, R, P + K)
    bool, which of prefix and near each query sees. take: (B, L) where the result of a column stands in the
    B * P results of the prefixes followed by the N * R of the segments.
    """

    prefix: int
    rows: Tensor
    queries: Tensor
    near: Tensor
    mask: Tensor
    take: Tensor

    def to(self, device: torch.device | str) -> Forks:
        """The same on another device."""
        return Forks(self.prefix, *(tensor.to(device) for tensor in self[1:]))


def plan_forks(until: Tensor, prefixes: Tensor, segments: Tensor) -> Forks:
    """The plan of a layout.

    Args:
        until: (B, L), see tree. prefixes: (B,) their lengths.
        segments: (N, 3) tree, first column and column behind the last one of every segment but the prefixes.
    """
    (batch, length), longest = until.shape, int(prefixes.max())
    rows, starts, ends = segments.unbind(1)
    near, seen = _near(until[rows], prefixes[rows], starts, ends)
    offsets = torch.arange(int((ends - starts).max()) if len(rows) else 0)
    columns = torch.minimum(starts[:, None] + offsets, ends[:, None] - 1)
    mask = torch.cat(
        [
            (torch.arange(longest) < prefixes[rows, None])[:, None].expand(-1, len(offsets), -1),
            seen[:, None] & (near[:, None] <= columns[:, :, None]),
        ],
        dim=2,
    )
    take = torch.arange(batch)[:, None] * longest + torch.arange(length).clamp(max=longest - 1)
    results = batch * longest + torch.arange(columns.numel()).view_as(columns)
    real = starts[:, None] + offsets < ends[:, None]
    take[rows[:, None].expand_as(columns)[real], columns[real]] = results[real]
    shift = rows[:, None] * length
    return Forks(longest, rows, shift + columns, shift + near, mask[:, None], take)


def _near(until: Tensor, prefixes: Tensor, starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """Columns behind its prefix that each segment sees, (N, K), and which of them are not padding."""
    if not len(starts):
        return torch.zeros(0, 0, dtype=torch.long), torch.zeros(0, 0, dtype=torch.bool)
    columns = torch.arange(until.shape[1])
    inside = (columns >= prefixes[:, None]) & (columns < ends[:, None]) & (until > starts[:, None])
    counts = inside.sum(1)
    near = pad_sequence(list(torch.split(inside.nonzero()[:, 1], counts.tolist())), batch_first=True)
    return near, torch.arange(near.shape[1]) < counts[:, None]
