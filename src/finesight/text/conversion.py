"""The choice of an SDR-to-HDR conversion as a question about a sheet of a video's frames."""

from __future__ import annotations

from finesight.schema.answer import ParseFailure
from finesight.schema.hdr import Level
from finesight.text.choice import parse_choice
from finesight.text.prompts import choice_prompt

QUESTION = "These are frames of one video for SDR screens. Which conversion to HDR suits its dynamic range?"
CANDIDATES = (
    "Flat: place it as it is, white at 203 nits",
    "Modest: expand highlights to 600 nits",
    "Wide: expand highlights to 1000 nits",
    "Extreme: stretch the whole range to 1000 nits",
)
"""By level, always in this order, as the severities of the challenge are."""


def conversion_prompt() -> str:
    """The question as a model is asked it."""
    return choice_prompt(QUESTION, CANDIDATES)


def answer_of(level: Level) -> str:
    """The answer as a model is taught it."""
    return f"{'ABCD'[level.rank]}."


def parse_conversion(text: str) -> Level | ParseFailure:
    """The level that an answer names."""
    letter = parse_choice(text, CANDIDATES)
    return letter if isinstance(letter, ParseFailure) else list(Level)["ABCD".index(letter)]
