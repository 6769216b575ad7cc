from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from scipy.stats import chisquare

from finesight.data.questions.choices import (
    MAKERS,
    NOT_VISIBLE,
    SEVERITY_OPTIONS,
    SEVERITY_PREAMBLE,
    Choice,
    choice_of,
)
from finesight.schema.annotation import Annotation
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity, find_type
from finesight.text.area import CELLS
from finesight.text.place import PLACES, place_of, the_place

MakePicture = Callable[..., Annotation]
CHALLENGE = Path(__file__).parents[4] / "shared/vida/mipi/reference/mcq.json"
PHRASES = {the_place(place): place for place in PLACES}


def choices(make_picture: MakePicture, concern: str, count: int = 600) -> list[tuple[Diagnosis, Choice]]:
    asked = []
    for seed in range(count):
        diagnosis = make_picture(seed).diagnosis()
        choice = choice_of(concern, diagnosis, Random(seed))  # type: ignore[arg-type]
        if choice:
            asked.append((diagnosis, choice))
    assert len(asked) > count / 3
    return asked


def place_named(text: str) -> str | None:
    named = [phrase for phrase in PHRASES if phrase in text.lower()]
    return PHRASES[max(named, key=len)] if named else None


def is_true(diagnosis: Diagnosis, choice: Choice, option: str) -> bool:
    """Whether the picture makes an option right, worked out from the words of question and option alone."""
    asked = choice.question.removeprefix(SEVERITY_PREAMBLE)
    place = place_named(option) or place_named(asked)
    names = [t for t in DistortionType if t.value.lower() in (option + " " + asked).lower()]
    findings = diagnosis.findings
    if choice.concern == "significance":
        keys = [f for f in diagnosis.keys if not names or f.type in names]
        return any(place is None or place_of(f.box) == place for f in keys)
    if choice.concern == "severity":
        said = {f.severity.value for f in findings if f.type in names and place_of(f.box) == place}
        return option.lower() in said if said else option == NOT_VISIBLE
    if option == "No distortion":
        return not findings
    negative = any(word in asked.rstrip("?").split() for word in ("not", "absent", "free"))
    fitting = [f for f in findings if not names or f.type in names]
    if place in CELLS and negative:
        fitting = [f for f in fitting if f.box.clip(CELLS[place])]
    elif place:
        fitting = [f for f in fitting if place_of(f.box) == place]
    return not fitting if negative else bool(fitting)


@pytest.mark.parametrize("concern", MAKERS)
def test_the_right_option_is_right_and_no_other_one_is(make_picture: MakePicture, concern: str) -> None:
    for diagnosis, choice in choices(make_picture, concern):
        right = [option for option in choice.candidates if is_true(diagnosis, choice, option)]
        assert right == [choice.correct], (choice, diagnosis)


@pytest.mark.parametrize("concern", MAKERS)
def test_there_are_four_different_options_and_the_letter_points_at_the_right_one(
    make_picture: MakePicture, concern: str
) -> None:
    for _, choice in choices(make_picture, concern, 100):
        assert len(set(choice.candidates)) == 4
        assert choice.candidates["ABCD".index(choice.letter)] == choice.correct
        assert all(type(option) is str for option in choice.candidates)


@pytest.mark.parametrize("concern", ["position", "type", "significance"])
def test_the_right_letter_is_spread_evenly(make_picture: MakePicture, concern: str) -> None:
    letters = Counter(choice.letter for _, choice in choices(make_picture, concern, 1000))
    assert set(letters) == set("ABCD")
    assert chisquare(list(letters.values())).pvalue > 0.001


def test_severities_are_asked_about_equally_and_a_quarter_is_not_visible(make_picture: MakePicture) -> None:
    asked = choices(make_picture, "severity", 1000)
    letters = Counter(choice.letter for _, choice in asked)
    assert all(0.18 < letters[letter] / len(asked) < 0.33 for letter in "ABCD")


def test_severity_questions_have_the_form_of_the_challenge(make_picture: MakePicture) -> None:
    for _, choice in choices(make_picture, "severity", 50):
        assert choice.candidates == SEVERITY_OPTIONS
        assert choice.question.startswith(SEVERITY_PREAMBLE)
    if not CHALLENGE.exists():
        pytest.skip("the challenge's files are not beside the repository")
    for item in json.loads(CHALLENGE.read_text(encoding="utf-8")):
        if item["concern"] == "severity":
            assert item["question"].startswith(SEVERITY_PREAMBLE)
            assert tuple(item["candidates"]) == SEVERITY_OPTIONS


def test_distractors_of_significance_are_the_other_distortions_of_the_picture_first(
    make_picture: MakePicture,
) -> None:
    for seed in range(200):
        diagnosis = make_picture(seed, count=4).diagnosis()
        choice = choice_of("significance", diagnosis, Random(seed))
        if choice and find_type(choice.correct):
            present = {f.type.value for f in diagnosis.findings}
            assert len(present & set(choice.candidates)) == min(4, len(present))


def test_absent_distortions_are_asked_about_too(make_picture: MakePicture) -> None:
    asked = [choice for _, choice in choices(make_picture, "type")]
    assert any(" not " in choice.question or "absent" in choice.question for choice in asked)
    assert any(choice.correct == "No distortion" for choice in asked)
    assert any("No distortion" in set(choice.candidates) - {choice.correct} for choice in asked)


def test_a_severity_that_differs_between_two_boxes_of_one_place_is_not_asked() -> None:
    from finesight.schema.box import Box
    from finesight.schema.diagnosis import Finding

    twice = [
        Finding(type=DistortionType.NOISE, severity=severity, box=Box.of(0, 0, 300, size))
        for severity, size in ((Severity.MINOR, 300), (Severity.SEVERE, 280))
    ]
    diagnosis = Diagnosis(content="", findings=tuple(twice), level=None)
    for seed in range(50):
        choice = choice_of("severity", diagnosis, Random(seed))
        assert choice is None or choice.correct == NOT_VISIBLE


def test_a_clean_picture_has_no_question_of_significance_or_position(make_picture: MakePicture) -> None:
    clean = make_picture(1, count=0).diagnosis()
    assert choice_of("significance", clean, Random(0)) is None
    assert choice_of("position", clean, Random(0)) is None
    severity = choice_of("severity", clean, Random(0))
    assert severity
    assert severity.correct == NOT_VISIBLE
