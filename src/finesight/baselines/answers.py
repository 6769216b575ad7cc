"""Any question of a bench, answered from a diagnosis, and from what is suspected beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from finesight.schema.bench import BenchQuestion
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.region import clipped
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType, find_severity
from finesight.text import render
from finesight.text.area import CELLS
from finesight.text.place import PLACES, place_of

_NEGATIVE = re.compile(r"\b(not|no|free|without|unaffected|absent)\b", re.IGNORECASE)
_PART = re.compile(r"\b(region|portion|area|corner|side)\b")
_KEY_WEIGHT = 100.0
"""In questions of significance a key distortion outweighs all others together."""
_LITTLE = 1e-6
"""Weight of the option that nothing is wrong: less than any finding, more than none."""
_MAYBE = 0.25
"""A type that is suspected from this probability on speaks louder than that nothing is wrong."""


def answer(question: BenchQuestion, diagnosis: Diagnosis, suspected: Sequence[Finding] = ()) -> str:
    """What the diagnosis says to the question; a choice that nothing speaks for gets the first option.

    Args:
        suspected: types that the diagnosis does not name, with the probability that the picture has them (see
            `Outcome`); they decide choices about which the diagnosis says nothing.
    """
    if question.subclass is Subclass.MCQ:
        return render.render_choice(ascii_uppercase[_chosen(question, diagnosis.findings, suspected)])
    if question.subclass is Subclass.ASSESS:
        return render.render_assess(diagnosis)
    if question.region:
        return render.render_region(clipped(diagnosis.findings, question.region))
    return render.render_detect(diagnosis.findings)


def _chosen(question: BenchQuestion, findings: Sequence[Finding], suspected: Sequence[Finding]) -> int:
    """Index of the option with the most evidence, the first of equals."""
    asked = question.question.rpartition("Here is the question:")[2]
    if any(find_severity(option) for option in question.candidates):
        scores = _severity_scores(asked, question.candidates, findings, suspected)
    else:
        weigh = _KEY_WEIGHT if question.concern == "significance" else 1.0
        typed = any(_types_in(option) for option in question.candidates)
        scores = [
            # Beside options that name known types, one that names none is about something else.
            0.0 if typed and not _knows(option) else _support(asked, option, findings, suspected, weigh)
            for option in question.candidates
        ]
    return scores.index(max(scores))


def _severity_scores(
    asked: str, options: Sequence[str], findings: Sequence[Finding], suspected: Sequence[Finding]
) -> list[float]:
    """1 for the severity of the finding the question means, or for the option without severity.

    That is the finding of the type that lies where the question says, else the one that covers most of it, else the
    largest elsewhere (whoever asks of a place may draw its borders otherwise), else one that is suspected.
    """
    types, place = _types_in(asked), _place_in(asked)
    told = [f for f in findings if not types or f.type in types]
    maybe = [f for f in suspected if f.type in types and (f.confidence or 0.0) >= _MAYBE]

    def nearness(finding: Finding) -> tuple[bool, float, float]:
        return place_of(finding.box) == place, _evidence(finding, types, place), finding.box.area

    meant = max(told or maybe, key=nearness, default=None)
    said = meant.severity if meant else None
    return [float(find_severity(option) is said) for option in options]


def _support(
    asked: str, option: str, findings: Iterable[Finding], suspected: Iterable[Finding], key_weight: float
) -> float:
    """How much the findings speak for an option; against it where the question is about what is not there.

    What is suspected weighs less than any finding.
    """
    if _is_nothing(option):
        return _LITTLE
    types = _types_in(option) or _types_in(asked)
    place = _place_in(option) or _place_in(asked)
    support = sum(_evidence(f, types, place) * (key_weight if f.key else 1.0) for f in findings)
    support += sum(_suspicion(f, types, place) for f in suspected) * _LITTLE / _MAYBE
    return -support if _NEGATIVE.search(asked) else support


def _knows(option: str) -> bool:
    return _is_nothing(option) or bool(_types_in(option))


def _is_nothing(option: str) -> bool:
    return option.lower().startswith("no distortion")


def _evidence(finding: Finding, types: frozenset[DistortionType], place: str | None) -> float:
    """Severity (1..3) times the share of the place, or of the picture, that the finding covers."""
    if types and finding.type not in types:
        return 0.0
    covered = _covered(finding.box, place)
    return finding.severity.rank * (finding.box.area if covered is None else covered)


def _suspicion(finding: Finding, types: frozenset[DistortionType], place: str | None) -> float:
    """Its confidence (0..1), times the share of the place that it covers, if there is a place."""
    if types and finding.type not in types:
        return 0.0
    covered = _covered(finding.box, place)
    return (finding.confidence or 0.0) * (1.0 if covered is None else covered)


def _covered(box: Box, place: str | None) -> float | None:
    """The share (0..1) of a place that a box covers; None where no part of the picture is meant."""
    area = CELLS.get(place) if place else None
    if area is None:
        return None
    shared = box.clip(area)
    return shared.area / area.area if shared else 0.0


def _types_in(text: str) -> frozenset[DistortionType]:
    """The types named in a text, also as "edge aliasing" or "blocking"."""
    low = text.lower()
    return frozenset(
        t for t in DistortionType if t.value.lower().removesuffix(" effect").removesuffix(" artifacts") in low
    )


def _place_in(text: str) -> str | None:
    """The most exact of `PLACES` named in a text."""
    low = _PART.sub("part", text.lower().replace("-", " "))
    return max((place for place in PLACES if place in low), key=len, default=None)
