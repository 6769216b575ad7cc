from __future__ import annotations

from typing import Any

import pytest

from finesight.baselines.answers import answer
from finesight.schema.bench import BenchQuestion
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level
from finesight.schema.taxonomy import Severity as S
from finesight.text.parse import parse_assess, parse_detect, parse_region

DIAGNOSIS = Diagnosis(
    content="A picture.",
    level=Level.POOR,
    findings=(
        Finding(type=T.NOISE, severity=S.SEVERE, box=Box.of(0, 0, 320, 320)),
        Finding(type=T.LOW_CLARITY, severity=S.MINOR, box=Box.of(600, 650, 1000, 1000), key=True),
    ),
)
NOTHING = Diagnosis(content="", level=Level.GOOD)


def asked(subclass: Subclass, question: str = "?", **fields: Any) -> BenchQuestion:
    return BenchQuestion(
        id=1,
        image="1.jpg",
        width=8,
        height=8,
        subclass=subclass,
        prompt=question,
        question=question,
        **fields,
    )


# Questions as the challenge puts them, and the option this diagnosis makes right.
CHOICES = [
    (
        "type",
        "What type of distortion is present in this image?",
        ("Underexposure", "Noise", "Motion blur", "Edge ringing effect"),
        "B.",
    ),
    (
        "type",
        "What type of distortion is not present in this image?",
        ("Noise", "Low clarity", "Motion blur", "Noise distortion"),
        "C.",
    ),
    (
        "type",
        "What type of distortion is present in this image?",
        ("Underexposure", "Blocking artifacts", "Motion blur", "No distortion"),
        "D.",
    ),
    (
        "position",
        "What distortion is present in the upper-left corner of the image?",
        ("Low clarity", "Overexposure", "Noise", "Motion blur"),
        "C.",
    ),
    (
        "position",
        "Which part of the image is affected by low clarity?",
        (
            "The upper left part of the image",
            "The centre of the image",
            "The left part",
            "The lower right part",
        ),
        "D.",
    ),
    (
        "position",
        "Which part of the image is free from any distortion?",
        ("The upper left region", "The lower-right area", "The lower left part", "The upper left part"),
        "C.",
    ),
    (
        "significance",
        "What is the most significant distortion in the image?",
        ("Noise", "Low clarity", "Chromatic aberration", "Vignetting"),
        "B.",
    ),
    (
        "significance",
        "Which of these is most significant?",
        ("Noise in the upper left part of the image", "Vignetting", "Overexposure", "Low clarity"),
        "D.",
    ),
    (
        "severity",
        "Severe: bad.\nHere is the question: There is a noise affecting the upper left part. How much?",
        ("Minor", "Moderate", "Severe", "Not visible"),
        "C.",
    ),
    (
        "severity",
        "Here is the question: There is a motion blur affecting the centre of the image. How severe is it?",
        ("Minor", "Moderate", "Severe", "Not visible"),
        "D.",
    ),
]


@pytest.mark.parametrize(("concern", "question", "candidates", "letter"), CHOICES)
def test_choices_are_looked_up_in_the_diagnosis(
    concern: str, question: str, candidates: tuple[str, ...], letter: str
) -> None:
    choice = asked(Subclass.MCQ, question, concern=concern, candidates=candidates)
    assert answer(choice, DIAGNOSIS) == letter


def test_a_choice_the_diagnosis_says_nothing_about_gets_the_first_option() -> None:
    candidates = ("The ear", "The tail", "The paw", "The nose")
    assert answer(asked(Subclass.MCQ, "Which part?", candidates=candidates), NOTHING) == "A."


def test_the_severity_is_that_of_the_finding_in_the_place_asked_about() -> None:
    twice = Diagnosis(
        content="",
        level=Level.POOR,
        findings=(
            Finding(type=T.NOISE, severity=S.SEVERE, box=Box.of(300, 0, 700, 800)),
            Finding(type=T.NOISE, severity=S.MINOR, box=Box.of(350, 700, 650, 800)),
        ),
    )
    question = "There is a noise affecting the lower part of the image. How severe is it?"
    candidates = ("Minor", "Moderate", "Severe", "Not visible")
    assert answer(asked(Subclass.MCQ, question, concern="severity", candidates=candidates), twice) == "A."


def test_regions_detections_and_descriptions_are_rendered_from_the_diagnosis() -> None:
    plain = tuple(f.model_copy(update={"key": False}) for f in DIAGNOSIS.findings)
    region = asked(Subclass.REG_PERCEPTION, region=Box.of(100, 100, 500, 500))
    assert parse_region(answer(region, DIAGNOSIS)) == (
        Finding(type=T.NOISE, severity=S.SEVERE, box=Box.of(100, 100, 320, 320)),
    )
    assert answer(region, NOTHING) == "No distortion affects this region."
    assert parse_detect(answer(asked(Subclass.DIST_DETECT), DIAGNOSIS)) == plain
    assert parse_assess(answer(asked(Subclass.ASSESS), DIAGNOSIS)) == DIAGNOSIS


SUSPECTED = (
    Finding(type=T.MOTION_BLUR, severity=S.SEVERE, box=Box.of(0, 0, 330, 330), confidence=0.4),
    Finding(type=T.OVEREXPOSURE, severity=S.MINOR, box=Box.of(700, 700, 1000, 1000), confidence=0.1),
)


@pytest.mark.parametrize(
    ("question", "candidates", "letter"),
    [
        # What is found outweighs what is suspected, and of that the likelier wins.
        ("Which distortion is present?", ("Motion blur", "Noise"), "B."),
        ("Which distortion is present?", ("Underexposure", "Overexposure", "Motion blur"), "C."),
        ("Which distortion is absent?", ("Motion blur", "Underexposure", "Overexposure"), "B."),
        # Against nothing at all a quarter is enough, a tenth is not.
        ("Which distortion is present?", ("No distortion", "Motion blur"), "B."),
        ("Which distortion is present?", ("No distortion", "Overexposure"), "A."),
        (
            "Where is motion blur visible?",
            ("The lower part of the image", "The upper left part of the image"),
            "B.",
        ),
        ("How severe is the motion blur?", ("Not visible", "Minor", "Severe"), "C."),
        ("How severe is the overexposure?", ("Not visible", "Minor", "Severe"), "A."),
        # A finding of the type that lies elsewhere is still the one that is asked for.
        ("How severe is the noise affecting the lower right part?", ("Not visible", "Minor", "Severe"), "C."),
    ],
)
def test_what_is_suspected_decides_where_the_diagnosis_says_nothing(question, candidates, letter):
    put = asked(Subclass.MCQ, question, candidates=candidates)
    assert answer(put, DIAGNOSIS, SUSPECTED) == letter
