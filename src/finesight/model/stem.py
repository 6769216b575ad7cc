"""Pictures with their questions laid out once, and the cache of the answers that grow behind them.

An answer sees its picture's prefix, its own question and itself. The first two are kept once a picture, however
many answers there are; a row of the batch keeps what it has written itself and nothing else. So a step multiplies
all answers to a picture with one copy of its keys, and no step copies what the one before it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from finesight.model.nano.glance import Glance

_FIRST_ROOM = 32
"""Tokens of an answer that there is room for at first; the room doubles when it is full."""


class Stem(NamedTuple):
    """N pictures with Q questions behind them, right-padded to L columns, as the layers of a decoder keep them.

    keys, values: of each layer, (N, H', L, D); seen: (Q, L) bool, what an answer to a question sees; picture: (Q,)
    the row of its picture, not falling; hidden: (Q, hidden) at the last token of the question; following: (Q,)
    where the first token of an answer stands. glances: of each picture, where the family has a dense head. marked: of
    each question (n, hidden) at the tokens that were to be kept, if any were.
    """

    keys: list[Tensor]
    values: list[Tensor]
    seen: Tensor
    picture: Tensor
    hidden: Tensor
    following: Tensor
    glances: list[Glance] | None = None
    marked: Sequence[Tensor] = ()


class _Seats(NamedTuple):
    """Where rows sit when all that answer about a picture are put side by side, S seats a picture.

    rows: (N * S,) the row in each seat, any where it is empty; own: (R,) the seat of each row; bias: (N, 1, S, 1, L)
    what is added to scores, -inf where a row does not see a column; None where all see all.
    """

    rows: Tensor
    own: Tensor
    bias: Tensor | None


class Growth:
    """The cache of R answers behind a stem, as far as they are written; what transformers' layers are given."""

    def __init__(self, stem: Stem, questions: Tensor) -> None:
        """questions: (R,) whose answer each row is, not falling."""
        self.length = 0
        self._stem = stem
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._sit(questions)

    @property
    def device(self) -> torch.device:
        return self._questions.device

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """What rows have written themselves, (R, H', t, D), with the token that is being read at its end."""
        if layer == len(self._keys):
            self._keys.append(_room(keys, _FIRST_ROOM))
            self._values.append(_room(values, _FIRST_ROOM))
        elif self._keys[layer].shape[2] == self.length:
            self._keys[layer] = torch.cat([self._keys[layer], _room(keys, self.length)], dim=2)
            self._values[layer] = torch.cat([self._values[layer], _room(values, self.length)], dim=2)
        self._keys[layer][:, :, self.length] = keys[:, :, 0]
        self._values[layer][:, :, self.length] = values[:, :, 0]
        end = self.length + 1
        return self._keys[layer][:, :, :end], self._values[layer][:, :, :end]

    def get_seq_length(self, _layer: int = 0) -> int:
        """Columns before the token that is being read."""
        return int(self._stem.seen.shape[1]) + self.length

    def keep(self, rows: Tensor) -> None:
        """Go on with some rows only, in their order."""
        self._keys = [keys[rows] for keys in self._keys]
        self._values = [values[rows] for values in self._values]
        self._sit(self._questions[rows])

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """(R, 1, H, D): one token a row over its picture, its question and what it has written.

        Args:
            query: (R, H, 1, D). key, value: (R, H', t, D), what `update` has returned.
        """
        rows, heads, _, size = query.shape
        query = (query * scaling).view(rows, key.shape[1], -1, size)
        above = self._seat(query) @ self._shared_keys[layer].transpose(-1, -2)
        if self._seats.bias is not None:
            self._apart(above).add_(self._seats.bias)
        scores = torch.cat([above, self._seat(query @ key.transpose(-1, -2))], dim=-1)
        weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
        above, own = weights[..., : above.shape[-1]], weights[..., above.shape[-1] :]
        found = self._rise(above @ self._shared_values[layer]) + self._rise(own) @ value
        return found.reshape(rows, 1, heads, size)

    def _sit(self, questions: Tensor) -> None:
        """Give every row a seat beside its picture; pictures without rows leave."""
        self._questions = questions
        pictures, picture, counts = torch.unique(
            self._stem.picture[questions], return_inverse=True, return_counts=True
        )
        whole = len(pictures) == len(self._stem.keys[0])
        self._shared_keys, self._shared_values = (
            layers if whole else [layer[pictures] for layer in layers]
            for layers in (self._stem.keys, self._stem.values)
        )
        seats = int(counts.max())
        number = torch.arange(len(questions), device=questions.device)
        own = picture * seats + number - (counts.cumsum(0) - counts)[picture]
        rows = number.new_zeros(len(pictures) * seats)
        rows[own] = number
        seen = self._stem.seen[questions]
        bias = None
        if not bool(seen.all()):
            bias = torch.zeros_like(seen, dtype=self._shared_keys[0].dtype).masked_fill_(~seen, -torch.inf)
            bias = bias[rows].view(len(pictures), 1, seats, 1, -1)
        self._seats = _Seats(rows, own, bias)

    def _seat(self, rows: Tensor) -> Tensor:
        """(R, H', G, X) to (N, H', S * G, X): what rows have, beside their pictures."""
        kept, pictures = rows.shape[1], len(self._shared_keys[0])
        seated = rows[self._seats.rows].view(pictures, -1, kept, rows.shape[2], rows.shape[3])
        return seated.transpose(1, 2).flatten(2, 3)

    def _rise(self, seated: Tensor) -> Tensor:
        """(N, H', S * G, X) to (R, H', G, X)."""
        return self._apart(seated).transpose(1, 2).flatten(0, 1)[self._seats.own]

    def _apart(self, seated: Tensor) -> Tensor:
        """(N, H', S * G, X) as (N, H', S, G, X)."""
        pictures, kept = seated.shape[:2]
        seats = len(self._seats.rows) // pictures
        return seated.view(pictures, kept, seats, -1, seated.shape[-1])


def _room(like: Tensor, columns: int) -> Tensor:
    """(R, H', columns, D) for what is to be written."""
    rows, kept, _, size = like.shape
    return like.new_empty(rows, kept, columns, size)
