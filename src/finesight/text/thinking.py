"""Answers that think aloud before they answer: how they are asked for, and what of them is the answer."""

from __future__ import annotations

from typing import Final

THINK_START: Final = "<think>"
THINK_END: Final = "</think>"
_HOW: Final = (
    f"First think about it between {THINK_START} and {THINK_END}, then answer in the form asked for, "
    "with nothing else."
)


def thinking_prompt(question: str) -> str:
    """The question, and below it that the answer is to be preceded by thoughts in their tags."""
    return f"{question}\n{_HOW}"


def spoken(text: str) -> str:
    """What is said aloud: the text behind the last `</think>`, or all of it where nothing was thought.

    Of a text that opens with `<think>` and never comes out of it nothing was said: whatever stands in it, half a
    thought is not an answer.
    """
    _, ended, said = text.rpartition(THINK_END)
    if ended:
        return said.lstrip()
    return "" if text.lstrip().startswith(THINK_START) else text
