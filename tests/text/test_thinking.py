"""Thoughts are asked for, and dropped before an answer is judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.text.thinking import THINK_END, THINK_START, spoken, thinking_prompt


@given(st.text())
def test_a_text_without_thoughts_is_left_as_it_is(text):
    if THINK_END not in text and not text.lstrip().startswith(THINK_START):
        assert spoken(text) == text


@given(st.text(), st.text().map(str.lstrip).filter(lambda text: THINK_END not in text))
def test_what_follows_the_thoughts_is_what_was_said(thoughts, answer):
    assert spoken(f"{THINK_START}{thoughts}{THINK_END}\n\n{answer}") == answer


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>B or C?</think>B.", "B."),
        ("B or C?</think>\n B.<|im_end|>", "B.<|im_end|>"),
        ("<think>a</think>A.<think>b</think>B.", "B."),
        ("<think>It is B.</think>", ""),
        ("<think>It is B. The quality of the image is fair.", ""),
        ("\n<think>B.", ""),
        ("B. <think>No.", "B. <think>No."),
    ],
)
def test_half_a_thought_is_not_an_answer_and_the_last_word_counts(text, said):
    assert spoken(text) == said


def test_the_prompt_keeps_the_question_and_names_both_tags():
    prompt = thinking_prompt("How is it?\nA. Good")
    assert prompt.startswith("How is it?\nA. Good\n")
    assert THINK_START in prompt
    assert THINK_END in prompt
