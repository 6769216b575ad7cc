"""The questions put to a model, one tuple of wordings a subclass.

The first wording of assess, dist_assess, dist_detect, ref-grounding, reg-perception, mcq and score is the
organisers' own (DYEvaLab/ViDA-MIPI-code and the bench files of ViDA-UGC); the others say the same in other
words, so that a model learns the question and not the string.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

from finesight.schema.box import Box
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType
from finesight.text.grammar import box_text
from finesight.text.place import the_place

PROMPTS: Final[dict[Subclass, tuple[str, ...]]] = {
    Subclass.ASSESS: (
        "Please evaluate the image quality in detail and provide your reasons.",
        "Describe the quality of this image in detail: its content, its distortions and its quality level.",
        "What is wrong with this image? Say what it shows, list every distortion with its place and rate it.",
        "Assess the overall quality of the provided image step by step.",
        "Analyse the quality of the image, locate each distortion and conclude with a quality level.",
    ),
    Subclass.BRIEF_ASSESS: (
        "Please assess the quality of this image briefly.",
        "Give a structured and concise summary of the image quality.",
        "Summarise the quality of the image: conclusion, distortion assessment and scene description.",
        "How good is this image? Answer in short bullets.",
    ),
    Subclass.DIST_ASSESS: (
        "Identify and assess the {type} distortion of the image in detail.",
        "Assess the {type} in this image and say where it occurs.",
        "Is there any {type} in the image? Describe each occurrence with its bounding box.",
        "Describe in detail how {type} affects this image.",
    ),
    Subclass.DIST_DETECT: (
        "Please provide the bounding box coordinates of all distortions in the image.",
        "Detect every distortion in this image and give its bounding box.",
        "List all distortions of the image with their severity and coordinates.",
        "Where are the distortions in this image?",
        "Locate all quality defects in the picture.",
    ),
    Subclass.REF_GROUNDING: (
        "Provide the coordinates of this distortion: {Type} in {place}.",
        "Where exactly is the {type} in {place}? Give its bounding box.",
        "Locate the {type} in {place}.",
        "Give the bounding box of the {type} in {place}.",
    ),
    Subclass.REG_PERCEPTION: (
        "What distortion affects this region {box}?",
        "Which distortions are visible in the region {box}?",
        "Identify the distortions inside {box}.",
        "Name every distortion in the area {box} with its severity.",
    ),
    Subclass.MCQ: (
        "{question}\n{options}\n"
        "Answer with a single option's letter (A, B, C, ...) from the given choices directly.",
    ),
    Subclass.QA: ("{question}",),
    Subclass.SCORE: (
        "Assess the quality of this image.",
        "How is the quality of this image?",
        "Rate the quality of the image in one sentence.",
        "Give a one-sentence assessment of the image quality.",
    ),
}


def assess_prompt(i: int = 0) -> str:
    return _template(Subclass.ASSESS, i)


def brief_prompt(i: int = 0) -> str:
    return _template(Subclass.BRIEF_ASSESS, i)


def dist_assess_prompt(type: DistortionType, i: int = 0) -> str:
    return _template(Subclass.DIST_ASSESS, i).format(type=type.value.lower())


def detect_prompt(i: int = 0) -> str:
    return _template(Subclass.DIST_DETECT, i)


def referring_prompt(type: DistortionType, place: str, i: int = 0) -> str:
    """Asks for the boxes of a type in one of `finesight.text.place.PLACES`."""
    template = _template(Subclass.REF_GROUNDING, i)
    return template.format(Type=type.value, type=type.value.lower(), place=the_place(place))


def region_prompt(box: Box, i: int = 0) -> str:
    return _template(Subclass.REG_PERCEPTION, i).format(box=box_text(box))


def score_prompt(i: int = 0) -> str:
    return _template(Subclass.SCORE, i)


def choice_prompt(question: str, candidates: Sequence[str]) -> str:
    """The question, one lettered line an option, and how to answer. ValueError unless 1 to 26 options."""
    return _template(Subclass.MCQ, 0).format(question=question, options=_options(candidates))


def _template(subclass: Subclass, i: int) -> str:
    wordings = PROMPTS[subclass]
    return wordings[i % len(wordings)]


def _options(candidates: Sequence[str]) -> str:
    if not 1 <= len(candidates) <= len(ascii_uppercase):
        raise ValueError(f"a choice has 1 to 26 options, not {len(candidates)}")
    lettered = zip(ascii_uppercase, candidates, strict=False)
    return "\n".join(f"{letter}. {text}" for letter, text in lettered)
