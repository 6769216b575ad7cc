"""Several texts as one numbered text and back: the form of merged questions and of their merged answers.

A block is its number, `. ` and the text, each further line of it indented; a line that is empty stays so.
What begins with a digit thus opens a block, what begins with a space goes on with one, and no text can feign
either: its own lines all stand behind a number or an indent. So the form loses nothing, whatever it holds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from finesight.schema.answer import ParseFailure
from finesight.schema.sample import Part, Sample
from finesight.text.grammar import Fault, Reason, failure, read, settle

INDENT: Final = "   "
"""What Markdown puts before the further lines of a numbered item."""
_HEAD: Final = (
    "Answer the following questions about the image, each behind its number, "
    "and indent the further lines of an answer."
)
_EACH: Final = "For each question: "

_OPENING = re.compile(r"^([0-9]{1,9})[.):](?:[ \t]|$)", re.MULTILINE)


class Block(NamedTuple):
    """A numbered text; `start` and `at` are where in the whole its number and its text stand.

    stray: where a line stands that is neither numbered nor indented, so that nobody knows whose it is.
    """

    number: int
    text: str
    start: int
    at: int
    stray: int | None = None


def numbered(texts: Iterable[str]) -> str:
    """The texts as blocks 1, 2, ...; `unnumbered` gives them back."""
    return "\n".join(f"{number}. {_indented(text)}" for number, text in enumerate(texts, 1))


def unnumbered(text: str) -> tuple[str, ...]:
    """The texts of which `numbered` made this one. ValueError where it made none such."""
    texts = tuple(block.text for block in blocks(text))
    if numbered(texts) != text:
        raise ValueError("not a text of blocks numbered from 1")
    return texts


def merged_question(questions: Sequence[str]) -> str:
    """One prompt of several; a last line that they all share is said once for all.

    `single_questions` gives them back.
    """
    closing = _shared_closing(questions)
    asked = numbered(question.removesuffix(f"\n{closing}") if closing else question for question in questions)
    return "\n".join((_HEAD, asked, *([f"{_EACH}{closing}"] if closing else [])))


def single_questions(prompt: str) -> tuple[str, ...]:
    """The questions of which `merged_question` made this prompt. ValueError where it made none such."""
    head, _, asked = prompt.partition("\n")
    if head != _HEAD:
        raise ValueError("not a merged prompt: its first line is missing")
    rest, _, last = asked.rpartition("\n")
    if not last.startswith(_EACH):
        return unnumbered(asked)
    return tuple(f"{text}\n{last.removeprefix(_EACH)}" for text in unnumbered(rest))


def single_samples(sample: Sample) -> tuple[Sample, ...]:
    """The samples of which one was merged, in the order of its `parts`; of one that was not, the sample.

    Raises:
        ValueError: its texts are not of as many blocks as it has parts.
    """
    if len(sample.parts) < 2:
        return (sample.model_copy(update={"parts": ()}),)
    questions, answers = single_questions(sample.question), unnumbered(sample.answer)
    return tuple(
        Sample(
            image=sample.image,
            subclass=sample.subclass,
            question=question,
            answer=answer,
            **{name: getattr(part, name) for name in Part.model_fields if name != "index"},
        )
        for part, question, answer in zip(sample.parts, questions, answers, strict=True)
    )


def split_answers(text: str, count: int) -> tuple[str | ParseFailure, ...] | ParseFailure:
    """The single answers of a model's answer to `count` merged questions, for the parsers of their subclass.

    A number that is missing or given twice, and a block with a line of unknown belonging, is a failure of its
    own and leaves the others alone. What stands before the first block, and numbers nobody asked for, do not
    count. One failure for all where the text as a whole cannot be read.
    """
    answer = read(text)
    given = one_each(blocks(answer.body), count, len(answer.body))
    if isinstance(given, ParseFailure):
        return failure([*answer.faults, Fault(Reason.UNANSWERED, 0)])
    return settle(tuple(_whole(block) for block in given), answer.faults)


def one_each(found: Iterable[Block], count: int, end: int) -> tuple[Block | ParseFailure, ...] | ParseFailure:
    """The block of each number 1 to `count` in a text of `end` characters; one failure where none is."""
    by_number: defaultdict[int, list[Block]] = defaultdict(list)
    for block in found:
        by_number[block.number].append(block)
    if not any(number in by_number for number in range(1, count + 1)):
        return failure([Fault(Reason.UNANSWERED, 0)])
    return tuple(_only(by_number.get(number, []), end) for number in range(1, count + 1))


def blocks(body: str) -> Iterator[Block]:
    """Every block in order; an indent of another width than ours and `1)` or `1:` are read too."""
    openings = list(_OPENING.finditer(body))
    ends = [opening.start() - 1 for opening in openings[1:]] + [len(body)] * bool(openings)
    for opening, end in zip(openings, ends, strict=True):
        lines = body[opening.end() : end].split("\n")
        text = "\n".join((lines[0], *map(_outdented, lines[1:])))
        yield Block(int(opening[1]), text, opening.start(), opening.end(), _stray(lines, opening.end()))


def _only(given: Sequence[Block], end: int) -> Block | ParseFailure:
    if not given:
        return failure([Fault(Reason.UNANSWERED, end)])
    return given[0] if len(given) == 1 else failure([Fault(Reason.ANSWERED_TWICE, given[1].start)])


def _whole(block: Block | ParseFailure) -> str | ParseFailure:
    if isinstance(block, ParseFailure):
        return block
    return settle(block.text, [] if block.stray is None else [Fault(Reason.STRAY_LINE, block.stray)])


def _indented(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join((first, *(INDENT + line if line else line for line in others)))


def _outdented(line: str) -> str:
    return line[len(INDENT) :] if line.startswith(INDENT) else line.lstrip(" \t")


def _stray(lines: Sequence[str], at: int) -> int | None:
    """Where in the whole a further line begins that has no indent; the first line begins at `at`."""
    for before, line in pairwise(lines):
        at += len(before) + 1
        if line and not line[0].isspace():
            return at
    return None


def _shared_closing(questions: Sequence[str]) -> str:
    """The last line of all the questions, "" where they differ in it or one has no other."""
    closings = {last if rest else "" for rest, _, last in (q.rpartition("\n") for q in questions)}
    return closings.pop() if len(closings) == 1 else ""
