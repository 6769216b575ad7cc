"""Answers read back: any string gives a value or a ParseFailure, never an exception and never a guess.

What each parser accepts and every reason for a failure is in `docs/grammar.md`. The `partial` of a failure
holds what could be read in spite of it, so that the boxes of a cut-off answer can still be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from finesight.schema.answer import ParseFailure
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import Level
from finesight.text.choice import parse_choice, parse_choices
from finesight.text.description import parse_assess, parse_brief, parse_dist_assess
from finesight.text.grammar import Fault, Reason, failure, level_in, read, settle
from finesight.text.grounding import parse_detect, parse_referring, parse_region

__all__ = [
    "PARSERS",
    "parse",
    "parse_assess",
    "parse_brief",
    "parse_choice",
    "parse_choices",
    "parse_detect",
    "parse_dist_assess",
    "parse_qa",
    "parse_referring",
    "parse_region",
    "parse_score",
]


def parse_qa(text: str) -> str | ParseFailure:
    """The free answer without the end token and the white space around it."""
    answer = read(text)
    return settle(answer.body.strip(), answer.faults)


def parse_score(text: str) -> Level | ParseFailure:
    """The level in "The quality of the image is fair."."""
    answer = read(text)
    level = level_in(answer.body)
    if isinstance(level, Reason):
        return failure((*answer.faults, Fault(level, 0)))
    return settle(level, answer.faults)


def _parse_mcq(
    text: str, count: int | None = None, options: Any = None
) -> str | tuple[str | ParseFailure, ...] | ParseFailure:
    return parse_choice(text, options) if count is None else parse_choices(text, count, options)


PARSERS: Final[Mapping[Subclass, Callable[..., Any]]] = MappingProxyType(
    {
        Subclass.ASSESS: parse_assess,
        Subclass.BRIEF_ASSESS: parse_brief,
        Subclass.DIST_ASSESS: parse_dist_assess,
        Subclass.DIST_DETECT: parse_detect,
        Subclass.REF_GROUNDING: parse_referring,
        Subclass.REG_PERCEPTION: parse_region,
        Subclass.MCQ: _parse_mcq,
        Subclass.QA: parse_qa,
        Subclass.SCORE: parse_score,
    }
)


def parse(subclass: Subclass, text: str, **context: Any) -> Any:
    """What the parser of the subclass reads; mcq takes `options`, and `count` for merged questions."""
    return PARSERS[subclass](text, **context)
