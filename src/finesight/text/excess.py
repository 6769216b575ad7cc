"""What of an answer goes on behind its end, or at much greater length than was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from finesight.schema.sample import Sample, Subclass
from finesight.text.choice import behind_choice, behind_choices, options_in
from finesight.text.grammar import behind_level, prose, read
from finesight.text.merged import single_questions

_IN_PROSE = {Subclass.ASSESS, Subclass.BRIEF_ASSESS, Subclass.DIST_ASSESS, Subclass.SCORE}
"""Answers with words between their marks, and thus room for more of them."""


def words_behind(sample: Sample, answer: str) -> int:
    """Words behind what ends an answer: the level of assess and score, the letter of mcq. 0 for the others.

    The parsers read an answer in spite of them; where text behind the end is a failure there is nothing to count.
    """
    if sample.subclass is Subclass.MCQ:
        return len(_behind_letter(sample, answer).split())
    if sample.subclass in (Subclass.ASSESS, Subclass.SCORE):
        body = read(answer).body
        return len(behind_level(body.split("\n")[-1] if sample.subclass is Subclass.ASSESS else body).split())
    return 0


def prose_words(subclass: Subclass, answer: str) -> int:
    """Words beside references and boxes; 0 for answers that have none to begin with."""
    return len(prose(read(answer).body).split()) if subclass in _IN_PROSE else 0


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


def _behind_letter(sample: Sample, answer: str) -> str:
    options = options_of(sample)
    return behind_choice(answer, options[0]) if len(options) == 1 else behind_choices(answer, options)
