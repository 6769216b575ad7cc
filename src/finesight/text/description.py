"""The three description answers read back: the full assessment, the brief one, that of a single type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.text.grammar import (
    BOX_END,
    BOX_START,
    DENIAL,
    REF_END,
    REF_START,
    Fault,
    Mark,
    Reason,
    cut_off,
    failure,
    findings_of,
    level_in,
    name_in,
    read,
    scan,
    settle,
    undenied,
)

_TYPE_NAMES = "|".join(t.value for t in DistortionType)
_DENIAL_OF_TYPE = re.compile(
    rf"(?:there (?:is|are) no (?:{_TYPE_NAMES}|distortions?)(?: distortions?)? in (?:the|this) image"
    rf"|(?:the )?(?:{_TYPE_NAMES})(?: distortion)? is not present in (?:the|this) image)\.?",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\b(?:slight|{'|'.join(Severity)}) (?:{_TYPE_NAMES})\b", re.IGNORECASE)
_MARKUP = re.compile("|".join(map(re.escape, (REF_START, REF_END, BOX_START, BOX_END))))
_AND = re.compile(r"\band\b", re.IGNORECASE)
_LISTED = re.compile(r"[^,;\n]+")
_SECTIONS = ("conclusion", "distortion assessment", "scene description")
_SECTION = re.compile(
    rf"^[ \t]*(?:[-*•][ \t]+)?\*\*(?P<name>{'|'.join(_SECTIONS)})[ \t]*:?[ \t]*\*\*[ \t]*:?",
    re.IGNORECASE | re.MULTILINE,
)


def parse_assess(text: str) -> Diagnosis | ParseFailure:
    """The diagnosis of a full assessment: findings of all lines, keys of the second-last, level of the last.

    Where the last line has no level, the second-last is not known to be that of the keys: `partial` has none.
    """
    answer = read(text)
    marks, faults = scan(answer.body)
    lines = _lines(answer.body)
    level = level_in(lines[-1].text)
    key = range(0)
    if isinstance(level, Reason):
        faults += (Fault(level, lines[-1].start),)
    elif len(lines) == 1:
        faults += (Fault(Reason.MISSING_LINE, 0),)
    else:
        key = _first_sentence(lines[-2])
        faults += _unsaid(answer.body, lines, marks)
    findings, unreadable = findings_of(marks, key)
    value = Diagnosis(
        content=_content(lines if isinstance(level, Reason) else lines[:-2], marks),
        findings=findings,
        level=None if isinstance(level, Reason) else level,
    )
    return settle(value, answer.faults + faults + unreadable)


def parse_brief(text: str) -> Brief | ParseFailure:
    """The three bullets in any order; the distortions are a list of names or the denial of any.

    `partial` is the brief, or where it has no level or lacks a section only the mentions.
    """
    answer = read(text)
    sections, faults = _sections(answer.body)
    faults += answer.faults
    mentions: tuple[Mention, ...] = ()
    if said := sections.get("distortion assessment"):
        mentions, misread = _mentions(said)
        faults += misread
    if len(sections) < len(_SECTIONS):
        return failure((*faults, Fault(Reason.MISSING_SECTION, len(answer.body))), mentions)
    level = level_in(sections["conclusion"].text)
    if isinstance(level, Reason):
        return failure((*faults, Fault(level, sections["conclusion"].start)), mentions)
    return settle(Brief(level=level, mentions=mentions, scene=sections["scene description"].text), faults)


def names_again(text: str) -> int:
    """How many distortions a brief assessment names that it has named before; `Brief` has each once."""
    said = _sections(read(text).body)[0].get("distortion assessment")
    mentions = _mentions(said)[0] if said else ()
    return len(mentions) - len(set(mentions))


def parse_dist_assess(text: str) -> tuple[Finding, ...] | ParseFailure:
    """The findings anywhere in the prose about one type, none where it is said to be absent."""
    answer = read(text)
    marks, faults = scan(answer.body)
    findings, unreadable = findings_of(marks)
    faults += answer.faults + unreadable
    if not any(mark.boxed for mark in marks):
        return settle(findings, faults or undenied(answer.body, _DENIAL_OF_TYPE))
    return settle(findings, faults + cut_off(answer.body, answer.ended))


class _Span(NamedTuple):
    """A stretch of the text and where it starts."""

    start: int
    text: str


def _lines(body: str) -> list[_Span]:
    """The lines that are not blank; one empty line where there is none."""
    lines, start = [], 0
    for line in body.split("\n"):
        if line.strip():
            lines.append(_Span(start, line))
        start += len(line) + 1
    return lines or [_Span(0, "")]


def _first_sentence(line: _Span) -> range:
    """Up to the first full stop, wherever it stands: so the organisers cut it."""
    stop = line.text.find(".")
    return range(line.start, line.start + (stop if stop >= 0 else len(line.text)))


def _content(lines: Sequence[_Span], marks: Sequence[Mark]) -> str:
    """The first line, unless it has boxes and so belongs to the distortions."""
    if not lines:
        return ""
    first = range(lines[0].start, lines[0].start + len(lines[0].text))
    boxed = any(mark.boxed and mark.start in first for mark in marks)
    return "" if boxed else _MARKUP.sub("", lines[0].text)


def _unsaid(body: str, lines: Sequence[_Span], marks: Sequence[Mark]) -> tuple[Fault, ...]:
    """Why an assessment without a box cannot be taken for "there is no distortion", if so."""
    line = lines[-2]
    if any(mark.boxed for mark in marks) or DENIAL.fullmatch(line.text.partition(".")[0].strip()):
        return ()
    if len(lines) == 2:
        return (Fault(Reason.NOTHING_SAID, line.start),)
    named = [mark.start for mark in marks] + [m.start() for m in _NAMED.finditer(body, 0, lines[-1].start)]
    return (Fault(Reason.NAMED_WITHOUT_BOX, min(named)),) if named else ()


def _sections(body: str) -> tuple[dict[str, _Span], tuple[Fault, ...]]:
    """The text below each heading of a brief assessment, by lower-case heading."""
    heads = list(_SECTION.finditer(body))
    ends = [head.start() for head in heads[1:]] + [len(body)]
    sections: dict[str, _Span] = {}
    faults: tuple[Fault, ...] = ()
    for head, end in zip(heads, ends, strict=False):
        name = head["name"].lower()
        if name in sections:
            faults += (Fault(Reason.REPEATED_SECTION, head.start()),)
        sections.setdefault(name, _Span(head.end(), body[head.end() : end]))
    return sections, faults


def _mentions(section: _Span) -> tuple[tuple[Mention, ...], tuple[Fault, ...]]:
    """The names in "Moderate low clarity, severe noise."."""
    mentions: list[Mention] = []
    faults: list[Fault] = []
    if DENIAL.fullmatch(section.text.strip()):
        return (), ()
    for item in _LISTED.finditer(_AND.sub(" , ", section.text)):  # as long as "and": positions stay
        label = item[0].strip(" \t\r.")
        if not label:
            continue
        name = name_in(label)
        if isinstance(name, Reason):
            faults.append(Fault(name, section.start + item.start()))
        else:
            mentions.append(Mention(type=name.type, severity=name.severity))
    if not mentions and not faults:
        faults.append(Fault(Reason.NOTHING_SAID, section.start))
    return tuple(mentions), tuple(faults)
