"""One image, many branches: the layout that lets a batch of questions share the prefix they have in common.

A tree is a prefix (chat head, image, neck) with branches behind it. In one sequence the branches stand side
by side; each sees the prefix and itself, and its positions go on from the prefix as if it stood there alone,
so every token has the same log-probability and gradient as in a separate row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

PREFIX, PADDING = -1, -2


class Branch(NamedTuple):
    """One question and its answer behind the prefix; `answer_from` indexes the first answer token."""

    ids: list[int]
    answer_from: int


class Tree(NamedTuple):
    """A prefix with its rotary positions (3, P) and the branches behind it."""

    prefix: list[int]
    positions: Tensor
    branches: list[Branch]

    @property
    def length(self) -> int:
        return len(self.prefix) + sum(len(b.ids) for b in self.branches)


class Layout(NamedTuple):
    """A batch of trees as tensors.

    ids: (B, L); positions: (3, B, L); mask: (B, 1, L, L) bool, True where a token (row) may look;
    predictors: (2, A) batch and column of the token before each answer token; targets: (A,) its id;
    owner: (A,) running number of the branch (over the whole batch) an answer token belongs to.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    predictors: Tensor
    targets: Tensor
    owner: Tensor


def lay_out(trees: Sequence[Tree], padding_id: int = 0) -> Layout:
    """Trees side by side in a batch, right-padded to the longest.

    Raises:
        ValueError: a branch has no token before its answer.
    """
    longest = max(tree.length for tree in trees)
    ids = torch.full((len(trees), longest), padding_id)
    segment = torch.full((len(trees), longest), PADDING)
    positions = torch.zeros(3, len(trees), longest, dtype=torch.long)
    predictors: list[tuple[int, int]] = []
    targets: list[int] = []
    owner: list[int] = []
    branches = 0
    for row, tree in enumerate(trees):
        end = len(tree.prefix)
        ids[row, :end] = torch.tensor(tree.prefix)
        segment[row, :end] = PREFIX
        positions[:, row, :end] = tree.positions
        following = int(tree.positions.max()) + 1
        for number, branch in enumerate(tree.branches):
            if branch.answer_from < 1:
                raise ValueError("a branch needs at least one question token before its answer")
            start, end = end, end + len(branch.ids)
            ids[row, start:end] = torch.tensor(branch.ids)
            segment[row, start:end] = number
            positions[:, row, start:end] = following + torch.arange(end - start)
            answer = range(start + branch.answer_from, end)
            predictors += [(row, column - 1) for column in answer]
            targets += branch.ids[branch.answer_from :]
            owner += [branches + number] * len(answer)
        branches += len(tree.branches)
    return Layout(
        ids,
        positions,
        ancestor_mask(segment),
        torch.tensor(predictors, dtype=torch.long).reshape(-1, 2).T,
        torch.tensor(targets, dtype=torch.long),
        torch.tensor(owner, dtype=torch.long),
    )


def ancestor_mask(segment: Tensor) -> Tensor:
    """(B, L) segment numbers to (B, 1, L, L): a token sees the prefix and its own branch, up to itself.

    Padding sees itself only: a row of the mask without any True would turn attention into NaN.
    """
    length = segment.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    same = segment[:, :, None] == segment[:, None, :]
    shared = (segment == PREFIX)[:, None, :] & (segment != PADDING)[:, :, None]
    visible = causal & (same | shared)
    return visible[:, None]
