from __future__ import annotations

from collections.abc import Callable
from random import Random

from finesight.data.questions.free import MAKERS, free_question
from finesight.schema.annotation import Annotation
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType
from finesight.text.place import place_of, the_place

MakePicture = Callable[..., Annotation]


def asked(diagnosis: Diagnosis, count: int = 60) -> dict[str, str]:
    return dict(free_question(diagnosis, Random(seed)) for seed in range(count))


def test_answers_are_the_same_whenever_a_question_comes_again_and_every_kind_comes(
    make_picture: MakePicture,
) -> None:
    kinds = set()
    for seed in range(60):
        diagnosis = make_picture(seed).diagnosis()
        answers: dict[str, str] = {}
        for draw in range(60):
            question, answer = free_question(diagnosis, Random(draw))
            assert answers.setdefault(question, answer) == answer
            assert answer.endswith(".")
            kinds.add(question.split()[0])
    assert len(MAKERS) == 7
    assert kinds >= {"What", "Is", "How", "Where"}


def test_presence_count_place_and_severity_are_those_of_the_picture(make_picture: MakePicture) -> None:
    numbers = ["None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"]
    for seed in range(80):
        findings = make_picture(seed).diagnosis().findings
        present = {f.type for f in findings}
        for question, answer in asked(make_picture(seed).diagnosis()).items():
            about = [t for t in DistortionType if t.value.lower() in question.lower()]
            if question.startswith(("Is there", "Does the image have", "Can ")):
                assert answer.startswith("Yes") is (about[0] in present)
            elif question.startswith("How many"):
                assert answer == f"{numbers[len(present)]}."
            elif question.startswith(("Where is", "Which part")):
                (place,) = {place_of(f.box) for f in findings if f.type is about[0]}
                assert answer.lower() == f"{the_place(place)}."
            elif question.startswith(("How severe", "How strong")):
                worst = max((f.severity for f in findings if f.type is about[0]), key=lambda s: s.rank)
                assert answer.lower() == f"{worst.value}."


def test_a_clean_picture_is_said_to_be_clean(make_picture: MakePicture) -> None:
    answers = asked(make_picture(0, count=0).diagnosis(), 200)
    assert answers["What is the main problem of this image?"] == "There is no distortion in the image."
    assert answers["Is the image free of distortion?"].startswith("Yes.")
    assert answers["How many kinds of distortion does the image have?"] == "None."
    assert answers["Is the image well exposed?"] == "Yes."
