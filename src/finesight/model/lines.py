"""Lines of answers that are written side by side (see decode): behind a stem, or each in a row of its own."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from finesight.model.attention import going_on, sight
from finesight.model.family import Family, ImageFeatures
from finesight.model.rows import RowsFamily
from finesight.model.stem import Growth, Stem
from finesight.model.tree import Branch, Tree, lay_out


class StemLine:
    """Answers behind a stem."""

    def __init__(self, family: Family, stem: Stem, questions: Sequence[int]) -> None:
        """questions: which one each answer is to; not falling."""
        rows = torch.tensor(questions, device=family.device)
        self._family = family
        self._growth = Growth(stem, rows)
        self._following = stem.following[rows]
        self._hidden = stem.hidden[rows]

    @property
    def logits(self) -> Tensor:
        return self._family.logits(self._hidden)

    def write(self, tokens: Tensor) -> None:
        positions = self._following.expand(3, -1)[..., None]
        seeing = going_on(self._growth)
        self._hidden = self._family.hidden(tokens[:, None], positions, seeing, cache=self._growth)[:, 0]
        self._growth.length += 1
        self._following = self._following + 1

    def keep(self, rows: Tensor) -> None:
        self._growth.keep(rows)
        self._following = self._following[rows]


class RowLine:
    """One answer of a model without an adapter."""

    def __init__(self, family: RowsFamily, cache: Any, logits: Tensor) -> None:
        """cache, logits: of the row up to its question; the cache is copied, for the next answer to it."""
        self._family = family
        self._cache = deepcopy(cache)
        self.logits = logits

    def write(self, tokens: Tensor) -> None:
        self.logits = self._family.step(tokens[:, None], self._cache)

    def keep(self, rows: Tensor) -> None:
        """The one row there is."""


def lay_stem(
    family: Family,
    pictures: Sequence[ImageFeatures],
    prefixes: Sequence[list[int]],
    asked: Sequence[tuple[int, list[int]]],
    places: Sequence[Sequence[int]] = (),
) -> Stem:
    """One pass over the prefixes of pictures and the questions behind them.

    Args:
        asked: the picture, not falling, and the tokens of every question. places: of every question the tokens
            whose hidden states are to be kept; none where none are.
    """
    trees = [
        Tree(
            prefix,
            family.prefix_positions(prefix, [picture.grid], [picture.seconds]),
            [Branch(question, len(question)) for place, question in asked if place == number],
        )
        for number, (picture, prefix) in enumerate(zip(pictures, prefixes, strict=True))
    ]
    layout = lay_out([[tree] for tree in trees]).to(family.device)
    cache = DynamicCache()
    images = family.tokens(pictures)
    hidden = family.hidden(layout.ids, layout.positions, sight(family.attention, layout), images, cache)
    picture = torch.tensor([place for place, _ in asked], device=family.device)
    last = torch.tensor([column for tree in trees for column in _last_columns(tree)], device=family.device)
    columns = torch.arange(layout.ids.shape[1], device=family.device)
    # What the last token of a question sees, every answer behind it sees too.
    seen = (columns <= last[:, None]) & (last[:, None] < layout.until[picture])
    return Stem(
        [layer.keys for layer in cache.layers],
        [layer.values for layer in cache.layers],
        seen,
        picture,
        hidden[picture, last],
        layout.positions[0, picture, last] + 1,
        [images.dense.glance(i, len(p.cells)) for i, p in enumerate(pictures)] if images.dense else None,
        [
            hidden[
                row, torch.tensor(wanted, dtype=torch.long, device=family.device) + int(end) - len(ids) + 1
            ]
            for (row, ids), end, wanted in zip(asked, last, places, strict=True)
        ]
        if places
        else [],
    )


def _last_columns(tree: Tree) -> list[int]:
    """The column of the last token of each question of a tree that begins at column 0."""
    column, found = len(tree.prefix) - 1, []
    for branch in tree.branches:
        column += len(branch.ids)
        found.append(column)
    return found
