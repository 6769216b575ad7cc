import pytest

from finesight.schema.box import Box
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType
from finesight.text import prompts
from finesight.text.place import PLACES

BLUR = DistortionType.OUT_OF_FOCUS_BLUR


def test_every_subclass_has_wordings_and_none_twice():
    assert set(prompts.PROMPTS) == set(Subclass)
    for wordings in prompts.PROMPTS.values():
        assert len(set(wordings)) == len(wordings) >= 1


def test_the_first_wording_is_the_challenges_own():
    assert prompts.assess_prompt() == "Please evaluate the image quality in detail and provide your reasons."
    assert prompts.detect_prompt() == (
        "Please provide the bounding box coordinates of all distortions in the image."
    )
    assert prompts.dist_assess_prompt(DistortionType.UNDEREXPOSURE) == (
        "Identify and assess the underexposure distortion of the image in detail."
    )
    assert prompts.referring_prompt(BLUR, "lower part") == (
        "Provide the coordinates of this distortion: Out of focus blur in the lower part of the image."
    )
    assert prompts.region_prompt(Box.of(51, 133, 802, 574)) == (
        "What distortion affects this region <|box_start|>(51,133),(802,574)<|box_end|>?"
    )
    assert prompts.score_prompt() == "Assess the quality of this image."


@pytest.mark.parametrize(
    ("subclass", "prompt"),
    [
        (Subclass.ASSESS, prompts.assess_prompt),
        (Subclass.BRIEF_ASSESS, prompts.brief_prompt),
        (Subclass.DIST_ASSESS, lambda i: prompts.dist_assess_prompt(BLUR, i)),
        (Subclass.DIST_DETECT, prompts.detect_prompt),
        (Subclass.REF_GROUNDING, lambda i: prompts.referring_prompt(BLUR, "centre", i)),
        (Subclass.REG_PERCEPTION, lambda i: prompts.region_prompt(Box.of(0, 0, 9, 9), i)),
        (Subclass.SCORE, prompts.score_prompt),
    ],
)
def test_the_index_runs_through_all_wordings_and_wraps_around(subclass, prompt):
    count = len(prompts.PROMPTS[subclass])
    filled = [prompt(i) for i in range(count)]
    assert len(set(filled)) == count
    assert [prompt(i + count) for i in range(count)] == filled
    assert not any("{" in text for text in filled)


@pytest.mark.parametrize("place", PLACES)
def test_every_wording_names_the_type_and_the_place_it_asks_for(place):
    for i in range(len(prompts.PROMPTS[Subclass.REF_GROUNDING])):
        asked = prompts.referring_prompt(BLUR, place, i).lower()
        assert "out of focus blur" in asked
        assert place in asked
        assert "image of the image" not in asked


def test_a_choice_lists_lettered_options_as_the_organisers_do():
    assert prompts.choice_prompt("Which {one}?", ["Noise", "{type}"]) == (
        "Which {one}?\nA. Noise\nB. {type}\n"
        "Answer with a single option's letter (A, B, C, ...) from the given choices directly."
    )


@pytest.mark.parametrize("count", [0, 27])
def test_a_choice_of_no_or_too_many_options_is_refused(count):
    with pytest.raises(ValueError, match=f"1 to 26 options, not {count}"):
        prompts.choice_prompt("?", ["x"] * count)
