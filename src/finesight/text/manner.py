"""How an answer says what it says: what of it is said again, goes on behind its end, or is prose.

The parsers read answers whatever their manner. Whoever rewards an answer has to know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from finesight.schema.sample import Sample, Subclass
from finesight.text.choice import behind_choice, behind_choices, options_in
from finesight.text.description import names_again
from finesight.text.grammar import behind_level, boxes_again, prose, read
from finesight.text.merged import single_questions

_IN_PROSE = {Subclass.ASSESS, Subclass.BRIEF_ASSESS, Subclass.DIST_ASSESS, Subclass.SCORE}
"""Answers with words between their marks, and thus room for more of them."""
_WITH_BOXES = {Subclass.DIST_ASSESS, Subclass.DIST_DETECT, Subclass.REF_GROUNDING, Subclass.REG_PERCEPTION}


class Manner(NamedTuple):
    """Counts over one answer.

    again: boxes, or in brief_assess names, said before; each is one finding however often it is said.
    behind: words behind what ends the answer, the level of assess and score or the letter of mcq; 0 for the others,
    where such words could not be read, or where nothing tells them from the answer.
    prose: words beside references and boxes; 0 where there is no room for any.
    """

    again: int = 0
    behind: int = 0
    prose: int = 0


def manner_of(subclass: Subclass, answer: str, options: Sequence[Sequence[str]] = ()) -> Manner:
    """The manner of an answer.

    Args:
        options: of each question of a choice, see `options_of`.
    """
    body = read(answer).body
    if subclass is Subclass.MCQ:
        return Manner(behind=len(_behind_letters(body, options).split()))
    lines = [line for line in body.split("\n") if line.strip()]
    return Manner(_again(subclass, body, lines), _behind(subclass, body, lines), _prose(subclass, body))


def options_of(sample: Sample) -> tuple[Sequence[str], ...]:
    """The options of each question of a choice, as its record has them or else as its prompt lists them."""
    if len(sample.parts) < 2:
        return (sample.candidates or options_in(sample.question),)
    recorded = tuple(part.candidates for part in sample.parts)
    if all(recorded):
        return recorded
    try:
        return tuple(map(options_in, single_questions(sample.question)))
    except ValueError:  # merged in another form than ours
        return recorded


def _again(subclass: Subclass, body: str, lines: Sequence[str]) -> int:
    if subclass is Subclass.BRIEF_ASSESS:
        return names_again(body)
    if subclass is Subclass.ASSESS:
        # The line of the keys says again what the lines above it have found, and is counted by itself.
        return boxes_again("\n".join(lines[:-2])) + boxes_again("\n".join(lines[-2:]))
    return boxes_again(body) if subclass in _WITH_BOXES else 0


def _behind(subclass: Subclass, body: str, lines: Sequence[str]) -> int:
    ends = {Subclass.ASSESS: lines[-1] if lines else "", Subclass.SCORE: body}
    return len(behind_level(ends[subclass]).split()) if subclass in ends else 0


def _prose(subclass: Subclass, body: str) -> int:
    return len(prose(body)) if subclass in _IN_PROSE else 0


def _behind_letters(body: str, options: Sequence[Sequence[str]]) -> str:
    return behind_choices(body, options) if len(options) > 1 else behind_choice(body, *options)
