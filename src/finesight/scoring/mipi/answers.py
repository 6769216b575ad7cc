"""A submission's answers as boxes, keys, levels and choices: parsed where the model's words are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from finesight.schema.answer import ParseFailure
from finesight.schema.challenge import (
    ChoiceAnswer,
    ChoiceQuestion,
    DescriptionAnswer,
    GroundingAnswer,
    TypedBox,
)
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import Level
from finesight.text.parse import parse_assess, parse_choice, parse_detect, parse_region


@dataclass(frozen=True)
class Boxes:
    """What was said of one picture or region; `invented` boxes have no readable type or place."""

    boxes: tuple[TypedBox, ...] = ()
    invented: int = 0


@dataclass(frozen=True)
class Description:
    """What was said of one picture as a whole."""

    found: Boxes = Boxes()
    keys: Boxes = Boxes()
    level: Level | None = None


@dataclass
class Notes:
    """What did not count as it should: answers not readable, records left out, questions not answered."""

    unparsed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def unread(self, where: str, why: str) -> None:
        self.unparsed.append(f"{where}: unparsed: {why}")


def read_grounding(answer: GroundingAnswer, notes: Notes) -> Boxes:
    """The boxes of an answer; none where its words do not parse."""
    where = f"{answer.question_type} {answer.id} of {answer.image}"
    if answer.text is None:
        return _stored(answer.boxes, answer.unreadable, where, notes)
    parse = parse_detect if answer.question_type == "distortion-detection" else parse_region
    read = parse(answer.text)
    if isinstance(read, ParseFailure):
        notes.unread(where, _why(read))
        return Boxes()
    return Boxes(_typed(read))


def read_description(answer: DescriptionAnswer, notes: Notes) -> Description:
    """Boxes, keys and level of an answer; nothing where its words do not parse."""
    where = f"description of {answer.image}"
    if answer.text is None:
        return Description(
            found=_stored(answer.boxes, answer.unreadable, where, notes),
            keys=_stored(answer.keys, answer.unreadable_keys, where, notes),
            level=answer.level,
        )
    read = parse_assess(answer.text)
    if isinstance(read, ParseFailure):
        notes.unread(where, _why(read))
        return Description()
    return Description(Boxes(_typed(read.findings)), Boxes(_typed(read.keys)), read.level)


def read_choice(answer: ChoiceAnswer, question: ChoiceQuestion, notes: Notes) -> str | None:
    """The candidate an answer chose, None where its words name none.

    The letter refers to the candidates as the model saw them, which may be shuffled but not others.
    """
    where = f"choice {answer.id} of {answer.image}"
    if sorted(answer.candidates) != sorted(question.candidates):
        notes.unread(where, "its candidates are not those of the question")
        return None
    letter = parse_choice(answer.text, answer.candidates)
    if isinstance(letter, ParseFailure):
        notes.unread(where, _why(letter))
        return None
    return answer.candidates[ord(letter) - ord("A")]


def _stored(boxes: tuple[TypedBox, ...], unreadable: tuple[str, ...], where: str, notes: Notes) -> Boxes:
    for why in unreadable:
        notes.unread(where, why)
    return Boxes(boxes, len(unreadable))


def _typed(findings: Iterable[Finding]) -> tuple[TypedBox, ...]:
    return tuple(TypedBox(type=finding.type, box=finding.box) for finding in findings)


def _why(failure: ParseFailure) -> str:
    return f"{failure.reason} at character {failure.position}"
