"""Boxes whose corners are in order, kept so while they are written.

A model that has a token for each coordinate chooses the second corner of a box number by number, and may choose one
before the first, of a small box above all: no box at all, and an answer that cannot be read. Such numbers are left
out where the likeliest token is chosen. Where tokens are drawn all keep their probabilities, for training counts on
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from finesight.schema.box import SCALE
from finesight.text.grammar import BOX_START

_FIRST_CORNER: Final = 2
_BOX: Final = 4


class Corners:
    """What may come next in some boxes that are written side by side, one a row."""

    def __init__(self, start: int, numbers: Sequence[int]) -> None:
        """start: id of the token that opens a box. numbers: ids of 0..1000."""
        self._start = start
        self._ids = list(numbers)
        self._values = {token: value for value, token in enumerate(numbers)}
        self._open: dict[int, list[int]] = {}

    @classmethod
    def of(cls, vocabulary: Mapping[str, int]) -> Corners | None:
        """For a vocabulary, None where numbers are not tokens of it."""
        ids = [vocabulary.get(str(number)) for number in range(SCALE + 1)]
        numbers = [token for token in ids if token is not None]
        start = vocabulary.get(BOX_START)
        return None if start is None or len(numbers) < len(ids) else cls(start, numbers)

    def enter(self, row: int, token: int) -> None:
        """A token is written in a row."""
        if token == self._start:
            self._open[row] = []
        elif row in self._open and token in self._values:
            self._open[row].append(self._values[token])

    def forbidden(self, row: int) -> Sequence[int]:
        """Ids of the numbers that would put the second corner of the row's box before its first."""
        numbers = self._open.get(row, [])
        if not _FIRST_CORNER <= len(numbers) < _BOX:
            return []
        return self._ids[: numbers[len(numbers) - _FIRST_CORNER]]
