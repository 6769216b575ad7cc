"""Attention in a tree without work between branches: what each segment has to be held against.

Under a mask over the whole sequence every branch is multiplied with every other one only for the result to be
thrown away. Here the roots of the trees, which are their prefixes, attend causally within themselves, and every
segment behind them attends to its root, the segments between and itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


class Forks(NamedTuple):
    """The segments of a batch of B rows of L columns: M roots of at most P tokens, and N segments behind them.

    Columns are numbered over the whole batch: b * L + column.

    roots: (M, P) columns of each root, the last one repeated to the length of the longest. root: (N,) that of
    each segment. queries: (N, R) its columns, repeated likewise. near: (N, K) the columns behind the root it
    sees, itself included. mask: (N, 1, R, P + K) bool, which of root and near each query sees. take: (B, L) where
    the result of a column stands in the M * P results of the roots followed by the N * R of the segments.
    """

    roots: Tensor
    root: Tensor
    queries: Tensor
    near: Tensor
    mask: Tensor
    take: Tensor

    def to(self, device: torch.device | str) -> Forks:
        """The same on another device."""
        return Forks(*(tensor.to(device) for tensor in self))


def plan_forks(until: Tensor, roots: Tensor, segments: Tensor) -> Forks:
    """The plan of a layout.

    Args:
        until: (B, L), see tree. roots: (M, 3) row, first column and column behind the last one.
        segments: (N, 3) number of the root, first column and column behind the last one.
    """
    (batch, length), (row, begin, end) = until.shape, roots.unbind(1)
    root, starts, ends = segments.unbind(1)
    stem, stem_real = _spread(begin, end)
    columns, real = _spread(starts, ends)
    near, seen = _near(until[row[root]], end[root], starts, ends)
    mask = torch.cat(
        [
            stem_real[root][:, None].expand(-1, columns.shape[1], -1),
            seen[:, None] & (near[:, None] <= columns[:, :, None]),
        ],
        dim=2,
    )
    stem, columns, near = (
        stem + row[:, None] * length,
        columns + row[root, None] * length,
        near + row[root, None] * length,
    )
    take = torch.zeros(batch * length, dtype=torch.long)
    take[stem[stem_real]] = torch.arange(stem.numel()).view_as(stem)[stem_real]
    take[columns[real]] = stem.numel() + torch.arange(columns.numel()).view_as(columns)[real]
    return Forks(stem, root, columns, near, mask[:, None], take.view(batch, length))


def _spread(starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """(N, longest) columns of N spans, the last one repeated where a span is shorter; and which are not repeated."""
    offsets = torch.arange(int((ends - starts).max()) if len(starts) else 0)
    columns = starts[:, None] + offsets
    return torch.minimum(columns, ends[:, None] - 1), columns < ends[:, None]


def _near(until: Tensor, behind: Tensor, starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """Columns from `behind` its root on that each segment sees, (N, K), and which of them are not padding."""
    if not len(starts):
        return torch.zeros(0, 0, dtype=torch.long), torch.zeros(0, 0, dtype=torch.bool)
    columns = torch.arange(until.shape[1])
    inside = (columns >= behind[:, None]) & (columns < ends[:, None]) & (until > starts[:, None])
    counts = inside.sum(1)
    near = pad_sequence(list(torch.split(inside.nonzero()[:, 1], counts.tolist())), batch_first=True)
    return near, torch.arange(near.shape[1]) < counts[:, None]
