"""One image, many branches: the layout that lets questions and answers share what they have in common.

A tree is a prefix (chat head, image, neck) with branches behind it, and branches may fork again: image,
question, answers. In one sequence the segments stand side by side, each before the segments that hang behind
it. A token sees the segments above its own and its own up to itself, and stands where it would stand in a row
of its own, so every token has the same log-probability and gradient as in a separate row.

Who sees whom is told by one number a token, `until`: the column behind the last one of everything that hangs
behind the token. Column q sees column k where k <= q < until[k]. All attention functions read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from finesight.model.forks import Forks, plan_forks

FOREVER = torch.iinfo(torch.int64).max


class Branch(NamedTuple):
    """A segment of tokens, and the branches that fork off behind its last one.

    `answer_from` indexes the first token of `ids` that belongs to an answer: everything from there on is
    predicted. A question with its answer is one branch; a question that several answers share is a branch
    without an answer (see `asked`).
    """

    ids: list[int]
    answer_from: int
    forks: tuple[Branch, ...] = ()

    @classmethod
    def asked(cls, question: list[int], answers: Sequence[list[int]]) -> Branch:
        """One question with several answers behind it."""
        return cls(question, len(question), tuple(cls(answer, 0) for answer in answers))

    @property
    def length(self) -> int:
        """Tokens of the branch and all that hangs behind it."""
        return len(self.ids) + sum(fork.length for fork in self.forks)


class Tree(NamedTuple):
    """A prefix with its rotary positions (3, P) and the branches behind it."""

    prefix: list[int]
    positions: Tensor
    branches: list[Branch]

    @property
    def length(self) -> int:
        return len(self.prefix) + sum(branch.length for branch in self.branches)


class Layout(NamedTuple):
    """A batch of trees as tensors.

    ids: (B, L); positions: (3, B, L); until: (B, L) the column from which on a token is not seen any more;
    forks: the same for attention segment by segment; predictors: (2, A) batch and column of the token before
    each answer token; targets: (A,) its id; owner: (A,) running number of the answer (over the whole batch)
    it belongs to.
    """

    ids: Tensor
    positions: Tensor
    until: Tensor
    forks: Forks | None
    predictors: Tensor
    targets: Tensor
    owner: Tensor

    def to(self, device: torch.device | str) -> Layout:
        """The same on another device."""
        forks = self.forks and self.forks.to(device)
        moved = {name: value.to(device) for name, value in self._asdict().items() if torch.is_tensor(value)}
        return self._replace(forks=forks, **moved)


@dataclass
class _Row:
    """One tree while it is laid out: per token its id, its place in a row of its own, and its `until`."""

    ids: list[int]
    places: list[int]
    until: list[int]
    segments: list[tuple[int, int]] = field(default_factory=list)
    answers: list[list[tuple[int, int]]] = field(default_factory=list)

    def hang(self, branch: Branch, before: int, place: int) -> None:
        """Lay out a branch behind the token of column `before`; its own first token stands at `place`."""
        start, length = len(self.ids), len(branch.ids)
        self.ids += branch.ids
        self.places += range(place, place + length)
        self.until += [start + branch.length] * length
        if length:
            self.segments.append((start, start + length))
        predictors = [before, *range(start, start + length)]
        if branch.answer_from < length:
            pairs = list(zip(predictors, branch.ids, strict=False))
            self.answers.append(pairs[branch.answer_from :])
        for fork in branch.forks:
            self.hang(fork, predictors[-1], place + length)


def lay_out(trees: Sequence[Tree], padding_id: int = 0) -> Layout:
    """Trees side by side in a batch, right-padded to the longest; on the CPU.

    Raises:
        ValueError: a prefix without a token, which leaves nothing to predict an answer from.
    """
    if not all(tree.prefix for tree in trees):
        raise ValueError("a tree needs at least one token in its prefix")
    rows = [_row(tree) for tree in trees]
    lengths = torch.tensor([len(row.ids) for row in rows])
    ids = pad_sequence([torch.tensor(row.ids) for row in rows], batch_first=True, padding_value=padding_id)
    until = pad_sequence([torch.tensor(row.until) for row in rows], batch_first=True)
    columns = torch.arange(ids.shape[1])
    # Padding is seen by itself only: a row of attention without anything to see would be NaN.
    until = torch.where(columns < lengths[:, None], until, columns + 1)
    prefixes = torch.tensor([len(tree.prefix) for tree in trees])
    segments = torch.tensor([(b, *s) for b, row in enumerate(rows) for s in row.segments], dtype=torch.long)
    answers = [(b, answer) for b, row in enumerate(rows) for answer in row.answers]
    predicted = [(b, column, target) for b, answer in answers for column, target in answer]
    predictors = torch.tensor(predicted, dtype=torch.long).reshape(-1, 3).T
    return Layout(
        ids,
        _positions(trees, rows, ids.shape[1]),
        until,
        plan_forks(until, prefixes, segments.reshape(-1, 3)),
        predictors[:2],
        predictors[2],
        torch.tensor([n for n, (_, answer) in enumerate(answers) for _ in answer], dtype=torch.long),
    )


def visible(until: Tensor, first: int = 0) -> Tensor:
    """(B, K) to a (B, 1, K - first, K) mask, True where the columns from `first` on (rows) may look."""
    columns = torch.arange(until.shape[1], device=until.device)
    seeing = columns[first:, None]
    return ((columns <= seeing) & (seeing < until[:, None, :]))[:, None]


def standing(real: Tensor) -> Tensor:
    """`until` of rows that grow while they are answered: what is real (B, K) stays in sight, padding never is.

    Padding still sees itself.
    """
    return torch.where(real, FOREVER, torch.arange(1, real.shape[1] + 1, device=real.device))


def _row(tree: Tree) -> _Row:
    length = len(tree.prefix)
    row = _Row(list(tree.prefix), [0] * length, [tree.length] * length)
    following = int(tree.positions.max()) + 1
    for branch in tree.branches:
        row.hang(branch, length - 1, following)
    return row


def _positions(trees: Sequence[Tree], rows: Sequence[_Row], longest: int) -> Tensor:
    """(3, B, longest) rotary positions; text stands at the same place on all three axes."""
    positions = torch.zeros(3, len(rows), longest, dtype=torch.long)
    for number, (tree, row) in enumerate(zip(trees, rows, strict=True)):
        positions[:, number, : len(row.places)] = torch.tensor(row.places)
        positions[:, number, : len(tree.prefix)] = tree.positions
    return positions
