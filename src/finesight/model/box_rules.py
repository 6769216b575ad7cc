"""Boxes kept in order while they are written, where a model has a token for each coordinate.

Such a model chooses a box number by number. It may choose a second corner before the first, of a small box above
all: no box, and an answer that cannot be read. And when it names a finding again, in the sentence of the KEY, it may
be a few thousandths off: another finding, for whoever counts them. Such numbers are left out where the likeliest
token is chosen. Where tokens are drawn all keep their probabilities, for training counts on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from finesight.schema.box import SCALE
from finesight.text.grammar import BOX_END, BOX_START, REF_END, REF_START

_MARKS: Final = (REF_START, REF_END, BOX_START, BOX_END)
_LINE_BREAK: Final = "Ċ"  # as byte-level vocabularies spell it
_CORNER, _BOX = 2, 4


@dataclass
class _Row:
    """An answer so far: the mark that is being written, and the boxes that stand at the beginning of a line."""

    opens_line: bool = True
    listing: bool = True
    label: list[str] | None = None
    name: str = ""
    numbers: list[int] | None = None
    listed: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)


class BoxTokens(NamedTuple):
    """Of a vocabulary: the marks by id, ids of 0..1000, numbers by id, and every word by id."""

    marks: dict[int, str]
    ids: list[int]
    values: dict[int, int]
    words: dict[int, str]

    @classmethod
    def of(cls, vocabulary: Mapping[str, int]) -> BoxTokens | None:
        """None where marks or numbers are not tokens of it."""
        try:
            marks = {vocabulary[mark]: mark for mark in _MARKS}
            ids = [vocabulary[str(number)] for number in range(SCALE + 1)]
        except KeyError:
            return None
        values = {token: value for value, token in enumerate(ids)}
        return cls(marks, ids, values, {token: word for word, token in vocabulary.items()})


class BoxRules:
    """What may come next in the boxes of some answers that are written side by side, one a row."""

    def __init__(self, tokens: BoxTokens) -> None:
        self._marks, self._ids, self._values, self._words = tokens
        self._rows: dict[int, _Row] = {}

    def enter(self, row: int, token: int) -> None:
        """A token is written in a row."""
        of = self._rows.setdefault(row, _Row())
        mark = self._marks.get(token)
        if mark == REF_START:
            of.label, of.listing = [], of.opens_line
        elif mark == REF_END:
            of.name, of.label = "".join(of.label or []).lower(), None
        elif mark == BOX_START:
            of.numbers = []
        elif mark == BOX_END:
            if of.listing and of.numbers is not None and len(of.numbers) == _BOX:
                of.listed.append((of.name, tuple(of.numbers)))
            of.numbers = None
        elif of.label is not None:
            of.label.append(self._words.get(token, ""))  # a padded vocabulary has ids without a word
        elif of.numbers is not None and token in self._values:
            of.numbers.append(self._values[token])
        of.opens_line = self._words.get(token) == _LINE_BREAK

    def allowed(self, row: int, likeliest: int) -> Sequence[int]:
        """Ids of the numbers of which one comes next where a number is likeliest; none where any token may come.

        In a line that lists findings: those that do not put the second corner before the first. In a sentence behind
        such lines: those of a box that they list, under the same name if there is one.
        """
        of = self._rows.get(row, _Row())
        if of.numbers is None or len(of.numbers) >= _BOX or likeliest not in self._values:
            return []
        done = tuple(of.numbers)
        if of.listed and not of.listing:
            same = [box for name, box in of.listed if name == of.name] or [box for _, box in of.listed]
            return sorted({self._ids[box[len(done)]] for box in same if box[: len(done)] == done})
        return self._ids[done[len(done) - _CORNER] :] if len(done) >= _CORNER else []
