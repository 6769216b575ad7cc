"""The marks inside an answer: references, boxes, end tokens, and what may be wrong with them.

    <|object_ref_start|>Moderate low clarity<|object_ref_end|><|box_start|>(199,10),(922,320)<|box_end|>

Everything here is total and linear in the length of the text: no input raises, and no expression backtracks
over more than one token. Positions are indices into the text as it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from finesight.schema.answer import ParseFailure
from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Finding, canonical
from finesight.schema.taxonomy import DistortionType, Level, Severity, find_level, find_severity, find_type

REF_START: Final = "<|object_ref_start|>"
REF_END: Final = "<|object_ref_end|>"
BOX_START: Final = "<|box_start|>"
BOX_END: Final = "<|box_end|>"
END_TOKENS: Final = ("<|im_end|>", "<|endoftext|>")

T = TypeVar("T")


class Reason(StrEnum):
    """Why a text is not an answer; `docs/grammar.md` explains each."""

    EMPTY = "the answer is empty"
    AFTER_END = "text after the end token"
    UNPAIRED_TOKEN = "reference or box token without its partner"
    MALFORMED_BOX = "box is not (x1,y1),(x2,y2)"
    BOX_OUT_OF_RANGE = "box coordinate above 1000"
    BOX_INVERTED = "box corners out of order"
    BOX_WITHOUT_REFERENCE = "box without a reference"
    REFERENCE_WITHOUT_BOX = "reference without a box"
    UNKNOWN_SEVERITY = "reference does not begin with a severity"
    UNKNOWN_TYPE = "unknown distortion type"
    HEADING_CONTRADICTED = "heading and reference name different types"
    UNEXPECTED_TEXT = "text where only references and boxes belong"
    CUT_OFF = "neither a full stop nor an end token at the end"
    NOTHING_SAID = "neither a distortion nor a statement that there is none"
    NAMED_WITHOUT_BOX = "distortions are named but none has a box"
    MISSING_LINE = "no line before the quality level"
    NO_LEVEL = "no sentence with the quality level"
    UNKNOWN_LEVEL = "unknown quality level"
    SEVERAL_LEVELS = "more than one quality level"
    MISSING_SECTION = "a section is missing"
    REPEATED_SECTION = "a section occurs twice"
    NO_LETTER = "no option letter"
    SEVERAL_LETTERS = "more than one option letter"
    LETTER_BEYOND_OPTIONS = "letter beyond the options"
    UNANSWERED = "no answer with this number"
    ANSWERED_TWICE = "two answers with this number"
    STRAY_LINE = "line neither numbered nor indented"


class Fault(NamedTuple):
    """Something wrong at an index of the text."""

    reason: Reason
    position: int


class Answer(NamedTuple):
    """The text before the first end token, if there was one (`ended`), without white space behind it."""

    body: str
    ended: bool
    faults: tuple[Fault, ...]


class Name(NamedTuple):
    """What a reference says."""

    severity: Severity
    type: DistortionType


@dataclass(frozen=True)
class Mark:
    """A reference with the boxes right behind it, at `start:end` of the text.

    label: what the reference says, None for boxes without one. boxed: whether a box follows, readable or
    not; boxes: the readable ones.
    """

    label: str | None
    start: int
    end: int
    boxed: bool
    boxes: tuple[Box, ...]


_SURROGATES = re.compile("[\ud800-\udfff]")
_END = re.compile("|".join(map(re.escape, END_TOKENS)))
_ITEM = re.compile(
    rf"{re.escape(REF_START)}(?P<label>[^<]*){re.escape(REF_END)}"
    rf"|{re.escape(BOX_START)}(?P<box>[^<]*){re.escape(BOX_END)}"
    rf"|(?P<stray>{'|'.join(map(re.escape, (REF_START, REF_END, BOX_START, BOX_END)))})"
)
# Nine digits: enough to tell "beyond 1000" from nonsense, few enough for int() to accept any of them.
_CORNER = r"\s*\(\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\)\s*"
_BOX = re.compile(f"{_CORNER},{_CORNER}")
DENIAL: Final = re.compile(
    r"(?:there (?:is|are) no distortions?(?: in (?:the|this) (?:image|region))?"
    r"|no distortions? affects? (?:the|this) region)\.?",
    re.IGNORECASE,
)
_LEVEL = re.compile(r"\bquality of the image is\s+(\w+)", re.IGNORECASE)


def box_text(box: Box) -> str:
    """`<|box_start|>(x1,y1),(x2,y2)<|box_end|>`"""
    return f"{BOX_START}({box.x1},{box.y1}),({box.x2},{box.y2}){BOX_END}"


def reference_text(severity: Severity, type_: DistortionType, *, opens: bool) -> str:
    """`<|object_ref_start|>Moderate low clarity<|object_ref_end|>`, capitalised where it opens a sentence."""
    name = f"{severity.value} {type_.value.lower()}"
    return f"{REF_START}{name.capitalize() if opens else name}{REF_END}"


def read(text: str) -> Answer:
    """The answer inside a model's output; half a surrogate pair, which no record can hold, becomes U+FFFD."""
    text = _SURROGATES.sub("\ufffd", text)
    end = _END.search(text)
    body = (text[: end.start()] if end else text).rstrip()
    faults = [] if body else [Fault(Reason.EMPTY, 0)]
    if end and _END.sub("", text[end.end() :]).strip():
        faults.append(Fault(Reason.AFTER_END, end.end()))
    return Answer(body, end is not None, tuple(faults))


def settle(value: T, faults: Sequence[Fault]) -> T | ParseFailure:
    """The value where nothing is wrong with it, else a failure that keeps it as partial."""
    return failure(faults, partial=value) if faults else value


def failure(faults: Sequence[Fault], partial: object = None) -> ParseFailure:
    """The failure of the fault that stands first in the text."""
    first = min(faults, key=lambda fault: fault.position)
    return ParseFailure(reason=first.reason.value, position=first.position, partial=partial)


def scan(body: str) -> tuple[tuple[Mark, ...], tuple[Fault, ...]]:
    """Every mark in order, and the tokens and boxes that cannot be read."""
    marks: list[Mark] = []
    faults: list[Fault] = []
    for group in _groups(body):
        if group[0].lastgroup == "stray":
            faults.append(Fault(Reason.UNPAIRED_TOKEN, group[0].start()))
            continue
        read_boxes = [(item.start(), _box(item["box"])) for item in group if item.lastgroup == "box"]
        faults += [Fault(box, at) for at, box in read_boxes if isinstance(box, Reason)]
        boxes = tuple(box for _, box in read_boxes if isinstance(box, Box))
        marks.append(Mark(group[0]["label"], group[0].start(), group[-1].end(), bool(read_boxes), boxes))
    return tuple(marks), tuple(faults)


def _groups(body: str) -> Iterator[list[re.Match[str]]]:
    """Items that belong together: boxes join what stands before them, commas and space between allowed."""
    group: list[re.Match[str]] = []
    for item in _ITEM.finditer(body):
        joins = group and item.lastgroup == "box" and group[0].lastgroup != "stray"
        if joins and not body[group[-1].end() : item.start()].strip(" ,\t\r\n"):
            group.append(item)
            continue
        if group:
            yield group
        group = [item]
    if group:
        yield group


def _box(inner: str) -> Box | Reason:
    match = _BOX.fullmatch(inner)
    if match is None:
        return Reason.MALFORMED_BOX
    x1, y1, x2, y2 = map(int, match.groups())
    if max(x1, y1, x2, y2) > SCALE:
        return Reason.BOX_OUT_OF_RANGE
    if x1 > x2 or y1 > y2:
        return Reason.BOX_INVERTED
    return Box.of(x1, y1, x2, y2)


def name_in(label: str) -> Name | Reason:
    """The severity and type of a reference, aliases folded ("Slight blocking artifact")."""
    word, _, rest = label.strip().partition(" ")
    severity, type_ = find_severity(word), find_type(rest)
    if severity is None:
        return Reason.UNKNOWN_SEVERITY
    return Reason.UNKNOWN_TYPE if type_ is None else Name(severity, type_)


def findings_of(
    marks: Iterable[Mark], key: range = range(0)
) -> tuple[tuple[Finding, ...], tuple[Fault, ...]]:
    """A finding a box, once each, as key where the mark starts within `key`; a bare reference is prose."""
    findings: list[Finding] = []
    faults: list[Fault] = []
    for mark in marks:
        if not mark.boxed:
            continue
        name = Reason.BOX_WITHOUT_REFERENCE if mark.label is None else name_in(mark.label)
        if isinstance(name, Reason):
            faults.append(Fault(name, mark.start))
            continue
        is_key = mark.start in key
        findings += [Finding(type=name.type, severity=name.severity, box=b, key=is_key) for b in mark.boxes]
    return canonical(findings), tuple(faults)


def level_in(line: str) -> Level | Reason:
    """The level in "the quality of the image is LEVEL" of a line that names no other level after it."""
    match = _LEVEL.search(line)
    if match is None:
        return Reason.NO_LEVEL
    level = find_level(match[1])
    if level is None:
        return Reason.UNKNOWN_LEVEL
    others = {find_level(word) for word in re.findall(r"\w+", line[match.end() :])} - {None, level}
    return Reason.SEVERAL_LEVELS if others else level


def behind_level(line: str) -> str:
    """What stands behind the level of a line that has one, without the full stop."""
    match = _LEVEL.search(line)
    return line[match.end() :].strip(" \t\r\n.") if match else ""


def prose(body: str) -> list[str]:
    """The words beside references and boxes."""
    return re.findall(r"\w+", _ITEM.sub(" ", body))


def boxes_again(body: str) -> int:
    """How many boxes stand behind the same reference, or behind none, as they did before."""
    said = [(m.label and name_in(m.label), box) for m in scan(body)[0] for box in m.boxes]
    return len(said) - len(set(said))


def undenied(body: str, denial: re.Pattern[str] = DENIAL) -> tuple[Fault, ...]:
    """The fault of a text without boxes that does not say that there is nothing to box."""
    return () if denial.fullmatch(body.strip()) else (Fault(Reason.NOTHING_SAID, 0),)


def cut_off(body: str, ended: bool) -> tuple[Fault, ...]:
    """The fault of a text that may go on: cut between two boxes it would look complete."""
    return () if ended or body.endswith(".") else (Fault(Reason.CUT_OFF, len(body)),)
