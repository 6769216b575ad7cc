"""The types a sample is about."""

from __future__ import annotations

from random import Random

import pytest

from finesight.data.merge.merging import merge
from finesight.data.mine.naming import types_of
from finesight.data.questions.choices import MAKERS, choice_of
from finesight.data.questions.samples import questions_of
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import find_type, types_in
from finesight.text.prompts import choice_prompt

OPTIONS = "Which is it?\nA. Noise\nB. Motion blur\nAnswer with a letter."


def choice(question: str, answer: str) -> Sample:
    return Sample(id="s", image="a.png", subclass=Subclass.MCQ, question=question, answer=answer)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("noise, Edge ringing effect", (T.EDGE_RINGING_EFFECT, T.NOISE)),
        ("No out-of-focus blur, no Out of focus.", (T.OUT_OF_FOCUS_BLUR,)),
        ("two blocking artifacts; a blocking artefact", (T.BLOCKING_ARTIFACTS,)),
        ("noisefree, denoise, noises", ()),
        ("画面有噪点和过曝", (T.OVEREXPOSURE, T.NOISE)),
        ("", ()),
    ],
)
def test_types_are_found_in_texts(text, types):
    assert types_in(text) == types


@pytest.mark.parametrize("type_", T)
def test_every_type_is_found_by_its_names(type_):
    assert types_in(f"({type_.value.upper()})") == types_in(type_.zh) == (type_,)
    assert find_type(type_.value) is type_


def test_a_picture_s_own_types_are_those_of_its_assessment(make_picture):
    for seed in range(30):
        picture = make_picture(seed)
        present = {d.type for d in picture.distortions}
        for sample in questions_of(picture, seed, {Subclass.ASSESS: 1, Subclass.DIST_DETECT: 1}):
            assert set(types_of(sample)) == present


def test_wrong_options_do_not_count(make_picture):
    for seed in range(20):
        rng = Random(seed)
        for concern in MAKERS:
            made = choice_of(concern, make_picture(seed).diagnosis(), rng)
            if made is None:
                continue
            sample = choice(choice_prompt(made.question, made.candidates), f"{made.letter}.")
            assert types_of(sample) == types_in(f"{made.question}\n{made.correct}")


def test_a_merged_sample_is_about_what_its_questions_are_about():
    noise = choice(OPTIONS, "A.")
    blur = choice(OPTIONS, "B.")
    (both,) = merge([noise, blur], lambda texts: [1] * len(texts))
    assert (types_of(noise), types_of(blur)) == ((T.NOISE,), (T.MOTION_BLUR,))
    assert types_of(both) == (T.MOTION_BLUR, T.NOISE)
    broken = both.model_copy(update={"answer": "no numbers"})
    assert types_of(broken) == (T.MOTION_BLUR, T.NOISE)
