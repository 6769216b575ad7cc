"""Numbered blocks: nothing is lost whatever the texts hold, and what a model says is never guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.answer import ParseFailure
from finesight.text.grammar import END_TOKENS, Reason
from finesight.text.merged import (
    merged_question,
    numbered,
    single_questions,
    split_answers,
    unnumbered,
)
from finesight.text.prompts import choice_prompt

# Texts made of what could be taken for the form itself, among any others.
line = (
    st.sampled_from(["1. ", "2. x", "2.", "3) y", "   ", " ", "", "For each question: z", "\t1. "])
    | st.text()
)
texts = st.lists(st.lists(line, max_size=4).map("\n".join), min_size=1, max_size=12)


@given(texts)
def test_numbered_texts_come_back_exactly_whatever_they_hold(given_texts):
    assert unnumbered(numbered(given_texts)) == tuple(given_texts)


@given(texts)
def test_merged_questions_come_back_exactly_whatever_they_hold(questions):
    assert single_questions(merged_question(questions)) == tuple(questions)


@given(texts, st.sampled_from(["Answer with a letter.", "For each question: a", "1. b", "   c", ""]))
def test_a_closing_line_they_share_is_said_once_and_comes_back_to_each(questions, closing):
    closed = [f"?{question}\n{closing}" for question in questions]
    prompt = merged_question(closed)
    assert single_questions(prompt) == tuple(closed)
    if closing:
        asked = numbered(f"?{question}" for question in questions)
        assert prompt.partition("\n")[2] == f"{asked}\nFor each question: {closing}"


@pytest.mark.parametrize(
    "text", ["0. a", "2. a", "1. a\n1. b", "1) a", "1.a", "1. a\nb", "1. a\n b", " 1. a", "x\n1. a"]
)
def test_a_text_that_is_not_numbered_so_is_refused(text):
    with pytest.raises(ValueError, match="not a text of blocks"):
        unnumbered(text)
    with pytest.raises(ValueError, match="not a merged prompt"):
        single_questions(text)


def test_merged_choices_keep_their_options_and_share_how_to_answer():
    prompt = merged_question([choice_prompt("First?", ["x", "y"]), choice_prompt("Second?", ["z"])])
    assert prompt.split("\n")[1:] == [
        "1. First?",
        "   A. x",
        "   B. y",
        "2. Second?",
        "   A. z",
        "For each question: "
        "Answer with a single option's letter (A, B, C, ...) from the given choices directly.",
    ]


# The tokens that end an answer stand in none.
@given(
    texts.map(lambda many: [text.strip() or "-" for text in many]).filter(
        lambda many: not any(token in text for text in many for token in END_TOKENS)
    ),
    st.sampled_from(["", "<|im_end|>", "\n"]),
)
def test_answers_in_the_form_asked_for_are_split_exactly(answers, ending):
    assert split_answers(numbered(answers) + ending, len(answers)) == tuple(answers)


def test_each_answer_fails_on_its_own_and_says_why():
    text = "Here you are.\n2) two\n  lines\n\n4. once\n4. twice\n5. fine\nnobody's\n9. unasked"
    first, second, third, fourth, fifth = split_answers(text, 5)
    assert (first.reason, first.position) == (Reason.UNANSWERED, len(text))
    assert second == "two\nlines\n"
    assert third.reason == Reason.UNANSWERED
    assert (fourth.reason, fourth.position) == (Reason.ANSWERED_TWICE, text.index("4. twice"))
    assert (fifth.reason, fifth.position) == (Reason.STRAY_LINE, text.index("nobody's"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        ("A car.", Reason.UNANSWERED),
        ("   1. A car.", Reason.UNANSWERED),
        ("3. A car.", Reason.UNANSWERED),
        ("1.A car.", Reason.UNANSWERED),
        ("1. a\n2. b<|im_end|>c", Reason.AFTER_END),
    ],
)
def test_a_text_that_answers_nothing_is_one_failure(text, reason):
    failed = split_answers(text, 2)
    assert isinstance(failed, ParseFailure)
    assert failed.reason == reason


def test_what_was_cut_off_is_not_an_answer_to_what_came_after():
    whole = numbered(["first\nline", "second", "third"])
    first, second, third = split_answers(whole[: whole.index("3.")], 3)
    assert (first, second) == ("first\nline", "second")
    assert third.reason == Reason.UNANSWERED
