"""Free questions with short answers, all of which the annotation settles."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from finesight.data.questions.wording import name_of
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.text.place import place_of, the_place

NOTHING = "There is no distortion in the image."
_NUMBERS = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

Maker = Callable[[Diagnosis, Random], tuple[str, str] | None]


def free_question(diagnosis: Diagnosis, rng: Random) -> tuple[str, str]:
    """A question and its short answer."""
    makers = rng.sample(MAKERS, k=len(MAKERS))
    return next(pair for make in makers if (pair := make(diagnosis, rng)))


def _most_serious(diagnosis: Diagnosis, rng: Random) -> tuple[str, str] | None:
    question = rng.choice(
        (
            "What is the most serious distortion of this image?",
            "Which distortion disturbs most in this image?",
            "What is the main problem of this image?",
        )
    )
    keys = diagnosis.keys
    if not keys:
        return question, NOTHING
    if len({(f.type, f.severity) for f in keys}) > 1:
        return None
    return question, f"{_kind(keys[0].type, keys[0].severity).capitalize()}."


def _is_there(diagnosis: Diagnosis, rng: Random) -> tuple[str, str]:
    """Asks about a present and an absent type equally often where there are both."""
    worst = _worst(diagnosis)
    absent = [t for t in DistortionType if t not in worst]
    pool = list(worst) if worst and (not absent or rng.random() < 0.5) else absent
    asked = rng.choice(pool)
    question = rng.choice(("Is there {} in the image?", "Does the image have {}?", "Can {} be seen here?"))
    answer = f"Yes, {_kind(asked, worst[asked])}." if asked in worst else f"No, there is no {name_of(asked)}."
    return question.format(name_of(asked)), answer


def _how_many(diagnosis: Diagnosis, rng: Random) -> tuple[str, str]:
    question = rng.choice(
        (
            "How many kinds of distortion does the image have?",
            "How many different types of distortion are there in this image?",
        )
    )
    return question, f"{_NUMBERS[len(_worst(diagnosis))]}."


def _where(diagnosis: Diagnosis, rng: Random) -> tuple[str, str] | None:
    """Asks only where one place says it all."""
    places: dict[DistortionType, set[str]] = {}
    for finding in diagnosis.findings:
        places.setdefault(finding.type, set()).add(place_of(finding.box))
    clear = {t: found.pop() for t, found in places.items() if len(found) == 1}
    if not clear:
        return None
    asked = rng.choice(list(clear))
    question = rng.choice(("Where is the {} in the image?", "Which part of the image has {}?"))
    place = the_place(clear[asked])
    return question.format(name_of(asked)), f"{place[0].upper()}{place[1:]}."


def _how_severe(diagnosis: Diagnosis, rng: Random) -> tuple[str, str] | None:
    worst = _worst(diagnosis)
    if not worst:
        return None
    asked = rng.choice(list(worst))
    question = rng.choice(("How severe is the {} in the image?", "How strong is the {}?"))
    return question.format(name_of(asked)), f"{worst[asked].value.capitalize()}."


def _is_clean(diagnosis: Diagnosis, rng: Random) -> tuple[str, str]:
    question = rng.choice(("Is the image free of distortion?", "Is this image without any distortion?"))
    return question, "No, it has distortions." if diagnosis.findings else f"Yes. {NOTHING}"


def _exposed_well(diagnosis: Diagnosis, rng: Random) -> tuple[str, str]:
    question = rng.choice(("Is the image well exposed?", "Is the exposure of this image right?"))
    wrong = [
        name_of(t)
        for t in (DistortionType.OVEREXPOSURE, DistortionType.UNDEREXPOSURE)
        if t in _worst(diagnosis)
    ]
    return question, f"No, it has {' and '.join(wrong)}." if wrong else "Yes."


def _worst(diagnosis: Diagnosis) -> dict[DistortionType, Severity]:
    """Each type present with its highest severity."""
    worst: dict[DistortionType, Severity] = {}
    for finding in diagnosis.findings:
        seen = worst.get(finding.type, finding.severity)
        worst[finding.type] = max(seen, finding.severity, key=lambda severity: severity.rank)
    return worst


def _kind(type_: DistortionType, severity: Severity) -> str:
    return f"{severity.value} {name_of(type_)}"


MAKERS: tuple[Maker, ...] = (
    _most_serious,
    _is_there,
    _how_many,
    _where,
    _how_severe,
    _is_clean,
    _exposed_well,
)
"""Kinds of free question, tried in random order until one fits the picture."""
