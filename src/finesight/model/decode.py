"""The loop that writes answers token by token, for whatever gives it logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from finesight.model.box_rules import BoxRules
from finesight.schema.diagnosis import Finding

Choose = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""(logits (R, V), numbers of the answers they are of (R,), step) to tokens (R,) and their log-probabilities (R,)."""

_FULL = 0.9
"""Rows that have ended are carried along while more than this share goes on: to leave costs some copying."""


class Line(Protocol):
    """Answers that are being written side by side, one a row."""

    @property
    def logits(self) -> Tensor:
        """(R, V) behind what is written."""
        ...

    def write(self, tokens: Tensor) -> None:
        """Write one more token (R,) in each row."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with some rows only, in their order."""
        ...


class Rules(NamedTuple):
    """How answers are written.

    forbidden: ids that never are. end: the id that ends an answer. limit: tokens at most. levels: ids of the five
    quality levels, worst to best, whose probabilities are kept; none where they are not to be told. boxes: keeps
    them in order; None where any token may come. opening: (R, V), added to the logits of the first token of each row.
    """

    forbidden: tuple[int, ...]
    end: int
    limit: int
    levels: tuple[int, ...] = ()
    boxes: BoxRules | None = None
    opening: Tensor | None = None


class Written(NamedTuple):
    """An answer; see `protocol.Completion`."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    levels: tuple[float, ...] | None
    suspected: tuple[Finding, ...] = ()


def decode(line: Line, count: int, choose: Choose, rules: Rules) -> list[Written]:
    """Write the `count` answers of a line, each up to its end token or the limit.

    Rows that have ended leave. Forbidden tokens have no part in the log-probabilities.
    """
    logits = line.logits if rules.opening is None else line.logits + rules.opening
    book = _Book(count, rules, logits.device)
    forbidden = torch.tensor(rules.forbidden, dtype=torch.long, device=logits.device)
    live = torch.arange(count, device=logits.device)
    for step in range(rules.limit):
        logits = logits.float().index_fill(1, forbidden, -torch.inf)
        if rules.boxes:
            _keep_order(logits, live.tolist(), rules.boxes)
        tokens, said = choose(logits, live, step)
        if rules.boxes:
            for row, token in zip(live.tolist(), tokens.tolist(), strict=True):
                rules.boxes.enter(row, token)
        going = book.enter(step, live, tokens, said, logits)
        left = int(going.sum())
        if not left or step + 1 == rules.limit:
            break
        if left <= _FULL * len(live):
            rows = going.nonzero().squeeze(1)
            line.keep(rows)
            live, tokens = live[rows], tokens[rows]
        line.write(tokens)
        logits = line.logits
    return book.read()


def _keep_order(logits: Tensor, live: list[int], boxes: BoxRules) -> None:
    """Leave of the logits (R, V), in place, where a number of a box comes next, those that it may be."""
    for place, (row, likeliest) in enumerate(zip(live, logits.argmax(1).tolist(), strict=True)):
        if some := boxes.allowed(row, likeliest):
            kept = logits[place, some]
            logits[place] = -torch.inf
            logits[place, some] = kept


class _Book:
    """What all answers have said, kept on the device until the end."""

    def __init__(self, count: int, rules: Rules, device: torch.device) -> None:
        self._end = rules.end
        self._tokens = torch.full((count, rules.limit), rules.end, device=device)
        self._said = torch.zeros(count, rules.limit, dtype=torch.float64, device=device)
        self._lengths = torch.zeros(count, dtype=torch.long, device=device)
        self._ended = torch.zeros(count, dtype=torch.bool, device=device)
        self._words = torch.tensor(rules.levels, dtype=torch.long, device=device)
        self._levels = torch.zeros(count, len(rules.levels), device=device)
        self._chosen = torch.zeros(count, dtype=torch.bool, device=device)

    def enter(self, step: int, live: Tensor, tokens: Tensor, said: Tensor, logits: Tensor) -> Tensor:
        """Enter the tokens of the rows that had not ended before; which of all go on."""
        writing = ~self._ended[live]
        self._tokens[live, step] = tokens
        self._said[live, step] = said.double()
        self._lengths[live] += writing
        chosen = writing & (tokens[:, None] == self._words).any(1)
        levels = logits[:, self._words].softmax(-1)
        self._levels[live] = torch.where(chosen[:, None], levels, self._levels[live])
        self._chosen[live] |= chosen
        going = writing & (tokens != self._end)
        self._ended[live] = ~going
        return going

    def read(self) -> list[Written]:
        columns = (self._tokens, self._said, self._lengths, self._levels, self._chosen)
        return [
            Written(tuple(tokens[:length]), tuple(said[:length]), tuple(levels) if chosen else None)
            for tokens, said, length, levels, chosen in zip(*(c.tolist() for c in columns), strict=True)
        ]
