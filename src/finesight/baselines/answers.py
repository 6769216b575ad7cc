"""Any question of a bench, answered from a diagnosis alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from finesight.schema.bench import BenchQuestion
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


def answer(question: BenchQuestion, diagnosis: Diagnosis) -> str:
    """What the diagnosis says to the question; a choice it says nothing about gets the first option."""
    if question.subclass is Subclass.MCQ:
        return render.render_choice(ascii_uppercase[_chosen(question, diagnosis)])
    if question.subclass is Subclass.ASSESS:
        return render.render_assess(diagnosis)
    if question.region:
        return render.render_region(clipped(diagnosis.findings, question.region))
    return render.render_detect(diagnosis.findings)


def _chosen(question: BenchQuestion, diagnosis: Diagnosis) -> int:
    """Index of the option with the most evidence, the first of equals."""
    asked = question.question.rpartition("Here is the question:")[2]
    if any(find_severity(option) for option in question.candidates):
        scores = _severity_scores(asked, question.candidates, diagnosis.findings)
    else:
        weigh = _KEY_WEIGHT if question.concern == "significance" else 1.0
        typed = any(_types_in(option) for option in question.candidates)
        scores = [
            # Beside options that name known types, one that names none is about something else.
            0.0 if typed and not _knows(option) else _support(asked, option, diagnosis.findings, weigh)
            for option in question.candidates
        ]
    return scores.index(max(scores))


def _severity_scores(asked: str, options: Sequence[str], findings: Iterable[Finding]) -> list[float]:
    """1 for the severity of the finding the question means, or for the option without severity.

    That is the finding of the type that lies where the question says, else the one that covers most of it.
    """
    types, place = _types_in(asked), _place_in(asked)
    touching = [f for f in findings if _evidence(f, types, place) > 0]
    meant = max(touching, key=lambda f: (place_of(f.box) == place, _evidence(f, types, place)), default=None)
    said = meant.severity if meant else None
    return [float(find_severity(option) is said) for option in options]


def _support(asked: str, option: str, findings: Iterable[Finding], key_weight: float) -> float:
    """How much the findings speak for an option; against it where the question is about what is not there."""
    if _is_nothing(option):
        return _LITTLE
    types = _types_in(option) or _types_in(asked)
    place = _place_in(option) or _place_in(asked)
    support = sum(_evidence(f, types, place) * (key_weight if f.key else 1.0) for f in findings)
    return -support if _NEGATIVE.search(asked) else support


def _knows(option: str) -> bool:
    return _is_nothing(option) or bool(_types_in(option))


def _is_nothing(option: str) -> bool:
    return option.lower().startswith("no distortion")


def _evidence(finding: Finding, types: frozenset[DistortionType], place: str | None) -> float:
    """Severity (1..3) times the share of the place, or of the picture, that the finding covers."""
    if types and finding.type not in types:
        return 0.0
    area = CELLS.get(place) if place else None
    if area is None:
        return finding.severity.rank * finding.box.area
    shared = finding.box.clip(area)
    return finding.severity.rank * (shared.area / area.area if shared else 0.0)


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
