"""One image, many branches: the layout that lets questions and answers share what they have in common.

A tree is a prefix (chat head, image, neck) with branches behind it, and branches may fork again: image,
question, answers. In one sequence the segments stand side by side, each before the segments that hang behind
it, and behind a tree another may stand. A token sees the segments above its own and its own up to itself, and
stands where it would stand in a row of its own, so every token has the same log-probability and gradient as in a
separate row.

Who sees whom is told by one number a token, `until`: the column behind the last one of everything that hangs
behind the token. Column q sees column k where k <= q < until[k]. All attention functions read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from finesight.model.forks import Forks, Segment, segment

FOREVER = torch.iinfo(torch.int64).max


class Branch(NamedTuple):
    """A segment of tokens, and the branches that fork off behind its last one.

    `answer_from` indexes the first token of `ids` that belongs to an answer: everything from there on is
    predicted. A question with its answer is one branch; a question that several answers share is a branch
    without an answer (see `asked`). `told` are tokens that are to be predicted besides, where `ids` go on with
    others: the place in `ids` behind which each would stand, and its id; of use where there is an answer.
    """

    ids: list[int]
    answer_from: int
    forks: tuple[Branch, ...] = ()
    told: tuple[tuple[int, int], ...] = ()

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
    forks: the same for attention segment by segment; predictors: (2, A) row and column of the token before
    each answer token; targets: (A,) its id; owner, tree: (A,) running numbers, over the whole batch, of the
    answer and of the tree it belongs to; told: (A,) bool, True for what is predicted besides an answer's own tokens.
    """

    ids: Tensor
    positions: Tensor
    until: Tensor
    forks: Forks | None
    predictors: Tensor
    targets: Tensor
    owner: Tensor
    tree: Tensor
    told: Tensor

    def to(self, device: torch.device | str) -> Layout:
        """The same on another device."""
        forks = self.forks and self.forks.to(device)
        moved = {name: value.to(device) for name, value in self._asdict().items() if torch.is_tensor(value)}
        return self._replace(forks=forks, **moved)


class _Answer(NamedTuple):
    """Where an answer is predicted, and in which tree of its row: (column before, id, whether it is told besides) of
    each token.
    """

    tree: int
    tokens: list[tuple[int, int, bool]]


@dataclass
class _Row:
    """Trees end to end while they are laid out: per token its id, its place in a row of its own, its `until`.

    roots: first column and column behind the last one of each prefix; segments: with the prefixes among them.
    """

    ids: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    until: list[int] = field(default_factory=list)
    roots: list[tuple[int, int]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    answers: list[_Answer] = field(default_factory=list)

    def plant(self, tree: Tree) -> None:
        """Lay out a tree behind those that stand there already."""
        start, length = len(self.ids), len(tree.prefix)
        self.ids += tree.prefix
        self.places += [0] * length  # those of a picture are no running numbers: see _positions
        self.until += [start + tree.length] * length
        self.roots.append((start, start + length))
        root = self._add(length, ())
        following = behind(tree.positions)
        for branch in tree.branches:
            self.hang(branch, start + length - 1, following, root)

    def hang(self, branch: Branch, before: int, place: int, above: tuple[int, ...]) -> None:
        """Lay out a branch behind the token of column `before` and the segments `above` it.

        Its own first token stands at `place`.
        """
        start, length = len(self.ids), len(branch.ids)
        self.ids += branch.ids
        self.places += range(place, place + length)
        self.until += [start + branch.length] * length
        if length:
            above = self._add(length, above)
        predictors = [before, *range(start, start + length)]
        if branch.answer_from < length:
            told = [(start + place, token, True) for place, token in branch.told]
            own = [(before, token, False) for before, token in zip(predictors, branch.ids, strict=False)]
            self.answers.append(_Answer(len(self.roots) - 1, told + own[branch.answer_from :]))
        for fork in branch.forks:
            self.hang(fork, predictors[-1], place + length, above)

    def _add(self, length: int, above: tuple[int, ...]) -> tuple[int, ...]:
        """Add a segment; returns what is above those that hang behind it."""
        seen = sum(self.segments[number].length for number in above)
        self.segments.append(segment(length, above, seen))
        return (*above, len(self.segments) - 1)


def lay_out(rows: Sequence[Sequence[Tree]], padding_id: int = 0) -> Layout:
    """A batch of rows, each of trees end to end, right-padded to the longest; on the CPU.

    All trees in one row need no padding.

    Raises:
        ValueError: a prefix without a token, which leaves nothing to predict an answer from.
    """
    if not all(tree.prefix for trees in rows for tree in trees):
        raise ValueError("a tree needs at least one token in its prefix")
    laid = [_Row() for _ in rows]
    for row, trees in zip(laid, rows, strict=True):
        for tree in trees:
            row.plant(tree)
    lengths = torch.tensor([len(row.ids) for row in laid])
    ids = pad_sequence([torch.tensor(row.ids) for row in laid], batch_first=True, padding_value=padding_id)
    until = pad_sequence([torch.tensor(row.until) for row in laid], batch_first=True)
    columns = torch.arange(ids.shape[1])
    # Padding is seen by itself only: a row of attention without anything to see would be NaN.
    until = torch.where(columns < lengths[:, None], until, columns + 1)
    first = list(accumulate((len(row.roots) for row in laid), initial=0))
    answers = [(b, answer) for b, row in enumerate(laid) for answer in row.answers]
    predicted = [
        (b, column, target, n, first[b] + answer.tree, besides)
        for n, (b, answer) in enumerate(answers)
        for column, target, besides in answer.tokens
    ]
    places = torch.tensor(predicted, dtype=torch.long).reshape(-1, 6).T
    return Layout(
        ids,
        _positions(rows, laid, ids.shape[1]),
        until,
        Forks(tuple(tuple(row.segments) for row in laid)),
        places[:2],
        places[2],
        places[3],
        places[4],
        places[5].bool(),
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


def behind(positions: Tensor) -> int:
    """Where a token stands behind a prefix: next to its last text token, else next to the furthest one.

    The last frames of a clip may stand further away in time than the text behind it.
    """
    last = positions[:, -1]
    return int(last[0] if bool((last == last[0]).all()) else positions.max()) + 1


def _positions(rows: Sequence[Sequence[Tree]], laid: Sequence[_Row], longest: int) -> Tensor:
    """(3, B, longest) rotary positions; text stands at the same place on all three axes."""
    positions = torch.zeros(3, len(rows), longest, dtype=torch.long)
    for number, (trees, row) in enumerate(zip(rows, laid, strict=True)):
        positions[:, number, : len(row.places)] = torch.tensor(row.places)
        for tree, (start, end) in zip(trees, row.roots, strict=True):
            positions[:, number, start:end] = tree.positions
    return positions
