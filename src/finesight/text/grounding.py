"""The three grounding answers read back: detection, region perception, referring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from finesight.schema.answer import ParseFailure
from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, find_type
from finesight.text.grammar import (
    Fault,
    Mark,
    Name,
    Reason,
    cut_off,
    findings_of,
    name_in,
    read,
    scan,
    settle,
    undenied,
)

_SEPARATORS = re.compile(r"[\s,.;]*")
_MEANT = re.compile(r"[^\s,.;]")
_HEADING = re.compile(r"[\s,.;]*(?:(?P<heading>[^\s,.;:<][^:\n<]*):\s*)?")


def parse_detect(text: str) -> tuple[Finding, ...] | ParseFailure:
    """The findings of a full detection, which ends with a full stop or an end token."""
    return _parse_blocks(text, stop=True)


def parse_region(text: str) -> tuple[Finding, ...] | ParseFailure:
    """The findings within a region; where the answer was cut off between two boxes cannot be seen."""
    return _parse_blocks(text, stop=False)


def parse_referring(text: str) -> tuple[Box, ...] | ParseFailure:
    """The boxes, each once in the order given; references before them are allowed and not looked into."""
    answer = read(text)
    marks, faults = scan(answer.body)
    boxes = tuple(dict.fromkeys(box for mark in marks for box in mark.boxes))
    faults += answer.faults
    if not marks:
        return settle(boxes, faults or undenied(answer.body))
    gaps = [0, *(edge for mark in marks for edge in (mark.start, mark.end)), len(answer.body)]
    for start, end in zip(gaps[::2], gaps[1::2], strict=True):
        if not _SEPARATORS.fullmatch(answer.body, start, end):
            faults += (_unexpected(answer.body, start),)
    faults += tuple(Fault(Reason.REFERENCE_WITHOUT_BOX, mark.start) for mark in marks if not mark.boxed)
    return settle(boxes, faults)


def _parse_blocks(text: str, *, stop: bool) -> tuple[Finding, ...] | ParseFailure:
    """Headings, references and boxes with nothing else between them; `stop` where a full stop ends them."""
    answer = read(text)
    marks, faults = scan(answer.body)
    findings, unreadable = findings_of(marks)
    faults += answer.faults + unreadable
    if not marks:
        return settle(findings, faults or undenied(answer.body))
    faults += tuple(_block_faults(answer.body, marks))
    return settle(findings, faults + cut_off(answer.body, answer.ended) if stop else faults)


def _block_faults(body: str, marks: Sequence[Mark]) -> Iterator[Fault]:
    """Whatever between the marks is no heading, and headings that name another type than their references."""
    heading: DistortionType | None = None
    end = 0
    for mark in marks:
        gap = _HEADING.fullmatch(body, end, mark.start)
        if gap is None:
            yield _unexpected(body, end)
        elif gap["heading"]:
            heading = find_type(gap["heading"])
            if heading is None:
                yield Fault(Reason.UNKNOWN_TYPE, gap.start("heading"))
        name = name_in(mark.label or "")
        if heading and isinstance(name, Name) and name.type is not heading:
            yield Fault(Reason.HEADING_CONTRADICTED, mark.start)
        if not mark.boxed:
            yield Fault(Reason.REFERENCE_WITHOUT_BOX, mark.start)
        end = mark.end
    if not _SEPARATORS.fullmatch(body, end):
        yield _unexpected(body, end)


def _unexpected(body: str, start: int) -> Fault:
    match = _MEANT.search(body, start)
    return Fault(Reason.UNEXPECTED_TEXT, match.start() if match else start)
