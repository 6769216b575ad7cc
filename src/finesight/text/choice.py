"""Option letters out of answers to multiple-choice questions, single or merged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from finesight.schema.answer import ParseFailure
from finesight.text.grammar import Fault, Reason, failure, read, settle
from finesight.text.merged import Block, one_each

_SAID = r"(?:the\s+)?(?:(?:correct|right|best)\s+)?(?:answer|option|choice)(?:\s+is)?\s*:?\s*(?:option\s+)?"
# A letter is an option only where it stands alone or is set off: "A dog" is prose, "A. dog" an answer.
_BARE = re.compile(
    rf"(?:{_SAID})?(?:\(\s*(?P<in>[a-z])\s*\)|(?P<out>[a-z]))\s*(?P<rest>[.):].*)?", re.I | re.S
)
_SET_OFF = re.compile(rf"(?:{_SAID})?\(\s*(?P<in>[a-z])\s*\)(?P<rest>\s.*)", re.I | re.S)
_ANOTHER = re.compile(r"[\s.):,;/&]*(?:(?:or|and)\s+)?\(?([A-Z])\)?\s*(?:[.):,;/]|$)")
_LETTERED = re.compile(r"^[ \t]*([A-Z])[.):][ \t]+(.*?)[ \t]*$", re.MULTILINE)
_AROUND = " \t\r\n.):"
_NUMBERED = re.compile(r"^[ \t]*([0-9]{1,4})[ \t]*[.):][ \t]*(.*)$", re.MULTILINE)


def parse_choice(text: str, options: int | Sequence[str] | None = None) -> str | ParseFailure:
    """The letter of "B", "B.", "B)", "(B)", "B. its text" or "The answer is B."

    options: the candidates or their number; a letter beyond them fails. Without it any letter goes. Text that
    merely begins with a letter ("A dog") and answers with two letters ("A or B", "A. B") fail.
    """
    answer = read(text)
    lead = len(answer.body) - len(answer.body.lstrip())
    letter = _letter(answer.body[lead:])
    if isinstance(letter, Reason):
        return failure((*answer.faults, Fault(letter, lead)))
    beyond = ascii_uppercase.index(letter) >= _count(options)
    return settle(letter, answer.faults + (Fault(Reason.LETTER_BEYOND_OPTIONS, lead),) * beyond)


def parse_choices(
    text: str, count: int, options: Sequence[int | Sequence[str]] | None = None
) -> tuple[str | ParseFailure, ...] | ParseFailure:
    """The letters of `count` numbered questions, each read on its own; a failure where no line is numbered.

    options: the candidates of each question or their numbers, in order. Lines numbered beyond `count` are
    nobody's answer and are left alone; text between the lines too.
    """
    answer = read(text)
    lines = (Block(int(m[1]), m[2], m.start(), m.start(2)) for m in _NUMBERED.finditer(answer.body))
    given = one_each(lines, count, len(answer.body))
    if isinstance(given, ParseFailure):
        return failure((*answer.faults, Fault(Reason.UNANSWERED, 0)))
    letters = (_numbered(line, options[i] if options else None) for i, line in enumerate(given))
    return settle(tuple(letters), answer.faults)


def options_in(question: str) -> tuple[str, ...]:
    """The options of a prompt that has one line for each, lettered from A; none where it has no such lines."""
    lines = _LETTERED.findall(question)
    return tuple(text for _, text in lines) if _are_in_order([letter for letter, _ in lines]) else ()


def option_ends(question: str) -> tuple[int, ...]:
    """Where the lines of `options_in` end, two or more: of each the character behind its last."""
    lines = list(_LETTERED.finditer(question))
    return tuple(m.end() for m in lines) if len(lines) > 1 and _are_in_order([m[1] for m in lines]) else ()


def behind_choice(text: str, candidates: Sequence[str] = ()) -> str:
    """What an answer that `parse_choice` reads says behind its letter, other than the text of that option."""
    match = _said(read(text).body.strip())
    if match is None:
        return ""
    rest = (match["rest"] or "").strip(_AROUND)
    option = ascii_uppercase.index((match["in"] or match["out"]).upper())
    own = candidates[option].strip(_AROUND) if option < len(candidates) else ""
    return rest[len(own) :].lstrip(_AROUND) if rest.lower().startswith(own.lower()) else rest


def behind_choices(text: str, candidates: Sequence[Sequence[str]]) -> str:
    """The same of numbered answers, and the lines behind the first of them that are not numbered."""
    lines = list(_NUMBERED.finditer(body := read(text).body))
    if not lines:
        return ""
    spare = [_NUMBERED.sub("", body[lines[0].start() :])]
    spare += [
        behind_choice(m[2], candidates[i]) for m in lines if 0 <= (i := int(m[1]) - 1) < len(candidates)
    ]
    return " ".join(filter(str.strip, spare)).strip()


def _numbered(line: Block | ParseFailure, options: int | Sequence[str] | None) -> str | ParseFailure:
    if isinstance(line, ParseFailure):
        return line
    letter = parse_choice(line.text, options)
    if isinstance(letter, ParseFailure):
        return letter.model_copy(update={"position": letter.position + line.at})
    return letter


def _letter(body: str) -> str | Reason:
    match = _said(body)
    if match is None:
        return Reason.NO_LETTER
    letter = (match["in"] or match["out"]).upper()
    another = _ANOTHER.match(match["rest"] or "")
    return Reason.SEVERAL_LETTERS if another and another[1] != letter else letter


def _are_in_order(letters: Sequence[str]) -> bool:
    return "".join(letters) == ascii_uppercase[: len(letters)]


def _said(body: str) -> re.Match[str] | None:
    return _BARE.fullmatch(body) or _SET_OFF.fullmatch(body)


def _count(options: int | Sequence[str] | None) -> int:
    if options is None:
        return len(ascii_uppercase)
    return options if isinstance(options, int) else len(options)
