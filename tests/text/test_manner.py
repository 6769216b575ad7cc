"""What of an answer is said again, goes on behind its end, or is prose."""

from __future__ import annotations

import pytest

from finesight.data.merge.merging import merge
from finesight.schema.sample import Sample, Subclass
from finesight.text.manner import Manner, manner_of, options_of
from finesight.text.prompts import choice_prompt

REF = "<|object_ref_start|>{}<|object_ref_end|>"
BOX, OTHER = "<|box_start|>(1,2),(3,4)<|box_end|>", "<|box_start|>(1,2),(3,5)<|box_end|>"
NOISE, MINOR = REF.format("Severe noise") + BOX, REF.format("minor noise") + BOX
OPTIONS = ("Noise", "Motion blur", "No distortion")


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (f"Noise:\n{NOISE}.", 0),
        (f"Noise:\n{NOISE}{OTHER}\n{MINOR}.", 0),
        (f"Noise:\n{NOISE}{BOX}.", 1),
        (f"{NOISE}\n{NOISE.replace('Severe', 'severe')} {NOISE}.", 2),
        ("There is no distortion in the image.", 0),
    ],
)
def test_a_box_is_said_again_where_its_reference_says_the_same(answer, again):
    assert manner_of(Subclass.DIST_DETECT, answer).again == again
    assert manner_of(Subclass.REG_PERCEPTION, answer).again == again


def test_boxes_without_references_are_told_apart_by_their_place():
    assert manner_of(Subclass.REF_GROUNDING, BOX + OTHER).again == 0
    assert manner_of(Subclass.REF_GROUNDING, f"{BOX}{OTHER} {BOX}<|im_end|>").again == 1


@pytest.mark.parametrize(
    ("lines", "again"),
    [
        ((f"{NOISE}: grain.", f"The {NOISE} counts most."), 0),
        ((f"{NOISE}, {NOISE}: grain.", f"The {NOISE} counts most."), 1),
        ((f"{NOISE}: grain.", "", f"The {NOISE} and the {NOISE} count most."), 1),
        ((f"{NOISE}: grain.", f"{NOISE}: grain.", f"The {MINOR} counts most."), 1),
    ],
)
def test_the_keys_of_an_assessment_name_again_what_was_found(lines, again):
    text = "\n".join(("A car.", *lines, "Thus, the quality of the image is fair."))
    assert manner_of(Subclass.ASSESS, text).again == again


def test_names_of_a_brief_assessment_are_counted_as_they_are_said():
    brief = (
        "- **Conclusion**: The quality of the image is fair.\n"
        "- **Distortion assessment**: {}\n- **Scene description**: A car."
    )
    said = {"Severe noise, minor noise.": 0, "Severe noise, severe noise and SEVERE NOISE.": 2}
    assert {names: manner_of(Subclass.BRIEF_ASSESS, brief.format(names)).again for names in said} == said
    assert manner_of(Subclass.BRIEF_ASSESS, "nothing of the kind").again == 0


@pytest.mark.parametrize(
    ("answer", "behind"),
    [
        ("The quality of the image is fair.", 0),
        ("The quality of the image is fair<|im_end|>", 0),
        ("The quality of the image is fair. It is not bad.", 4),
        ("The quality of the image is fair.\nSo it is.", 3),
        ("", 0),
        ("No idea.", 0),
    ],
)
def test_words_behind_the_level_are_counted(answer, behind):
    assert manner_of(Subclass.SCORE, answer).behind == behind
    if "\n" not in answer:
        assert manner_of(Subclass.ASSESS, f"A car.\nNo distortion.\n{answer}").behind == behind


@pytest.mark.parametrize(
    ("answer", "behind"),
    [
        ("B", 0),
        ("(b).", 0),
        ("The answer is B.", 0),
        ("B. Motion blur", 0),
        ("B) motion blur.", 0),
        ("B. Motion blur in the car", 3),
        ("B. Noise", 1),
        ("B.\n\nThe image is blurred.", 4),
        ("Z. so", 1),
        ("A dog", 0),
    ],
)
def test_words_behind_a_letter_are_counted_but_not_the_text_of_its_option(answer, behind):
    assert manner_of(Subclass.MCQ, answer, (OPTIONS,)) == Manner(behind=behind)


def test_of_merged_letters_lines_without_a_number_count_from_the_first_on():
    options = (OPTIONS, OPTIONS)
    assert manner_of(Subclass.MCQ, "So:\n1. B. Motion blur\n2. A", options).behind == 0
    assert manner_of(Subclass.MCQ, "1. B. it is\nwell\n2. A\n\nand so on", options).behind == 6
    assert manner_of(Subclass.MCQ, "So it is.", options).behind == 0


def test_prose_is_what_stands_beside_references_and_boxes():
    assert manner_of(Subclass.DIST_ASSESS, f"{NOISE}, {MINOR}: grain covers it.").prose == 3
    assert manner_of(Subclass.SCORE, "The quality of the image is fair.").prose == 7
    assert manner_of(Subclass.DIST_DETECT, f"Noise:\n{NOISE}.").prose == 0


def test_options_come_from_the_record_or_else_from_the_prompt():
    def asked(name: str, candidates: tuple[str, ...] = ()) -> Sample:
        question = choice_prompt(f"{name} or not?", OPTIONS)
        return Sample(
            id=name, image="a", subclass=Subclass.MCQ, question=question, answer="A.", candidates=candidates
        )

    def merged(*samples: Sample) -> Sample:
        return merge(samples, lambda texts: [1] * len(texts))[0]

    assert options_of(asked("x")) == (OPTIONS,)
    assert options_of(asked("x", ("p", "q"))) == (("p", "q"),)
    assert options_of(asked("x").model_copy(update={"question": "A. p\nC. q"})) == ((),)
    assert options_of(merged(asked("x"), asked("y"))) == (OPTIONS, OPTIONS)
    assert options_of(merged(asked("x", ("p",)), asked("y", ("q", "r")))) == (("p",), ("q", "r"))
    lost = merged(asked("x"), asked("y")).model_copy(update={"question": "Both?"})
    assert options_of(lost) == ((), ())
