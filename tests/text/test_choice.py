import json
from pathlib import Path

import pytest

from finesight.schema.answer import ParseFailure
from finesight.text.choice import parse_choice, parse_choices
from finesight.text.grammar import Reason

PREDICTIONS = Path(__file__).parents[3] / "shared/vida/mipi/predictions/perception.json"


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "B.",
        "B)",
        "(B)",
        "( b ).",
        " b\n",
        "B.<|im_end|>",
        "B: Noise",
        "B. Noise in A major",
        "B. B",
        "(B) Noise",
        "B.\n\nThe image is noisy.",
        "The answer is B.",
        "the correct answer is: (B)",
        "Answer: B. Noise",
        "Option B",
        "The best option is B.",
    ],
)
def test_an_option_letter_is_read_from_every_form_that_sets_it_off(text):
    assert parse_choice(text, ["x", "y", "z"]) == "B"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A dog sits there.", Reason.NO_LETTER),
        ("Blurry", Reason.NO_LETTER),
        ("I think B", Reason.NO_LETTER),
        ("The answer is A dog", Reason.NO_LETTER),
        ("1.", Reason.NO_LETTER),
        ("A, B", Reason.NO_LETTER),
        ("A or B", Reason.NO_LETTER),
        ("A. B.", Reason.SEVERAL_LETTERS),
        ("(A) or (B)", Reason.SEVERAL_LETTERS),
        ("A) and C)", Reason.SEVERAL_LETTERS),
        ("D.", Reason.LETTER_BEYOND_OPTIONS),
        ("", Reason.EMPTY),
        ("B.<|im_end|>C.", Reason.AFTER_END),
    ],
)
def test_anything_else_is_a_failure_and_not_a_guess(text, reason):
    failure = parse_choice(text, 3)
    assert isinstance(failure, ParseFailure)
    assert failure.reason == reason


def test_options_may_be_given_by_number_or_not_at_all():
    assert parse_choice("D.", 4) == "D"
    assert parse_choice("Z.") == "Z"


def test_merged_answers_are_read_each_on_its_own():
    text = "1. B\n2) The answer is A.\n3. maybe\n3 . C\n5: D"
    first, second, third, fourth, fifth = parse_choices(text, 5, options=[2, ["x", "y"], 2, 2, 2])
    assert (first, second) == ("B", "A")
    assert third.reason == Reason.ANSWERED_TWICE
    assert third.position == text.index("3 .")
    assert fourth.reason == Reason.UNANSWERED
    assert fifth.reason == Reason.LETTER_BEYOND_OPTIONS
    assert fifth.position == text.index("D")


def test_numbers_nobody_asked_for_are_left_alone():
    assert parse_choices("Here you are:\n1. B\n2. A\n7. C<|im_end|>", 2) == ("B", "A")


@pytest.mark.parametrize("text", ["", "B.", "3. B", "one. B"])
def test_merged_answers_without_any_number_asked_for_are_one_failure(text):
    assert isinstance(parse_choices(text, 2), ParseFailure)


@pytest.mark.skipif(not PREDICTIONS.exists(), reason="the organisers' example predictions are not here")
def test_every_answer_of_the_example_predictions_is_read_as_its_first_character():
    items = json.loads(PREDICTIONS.read_text(encoding="utf-8"))
    for item in items:
        assert parse_choice(item["pred_ans"], item["candidates"]) == item["pred_ans"][0]
