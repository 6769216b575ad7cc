"""Every reward with gold, empty, garbage and partial answers, and with what the parsers let pass."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, Mention
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import REWARDS, RewardSettings, reward_of
from finesight.text.grammar import Reason
from finesight.text.prompts import choice_prompt
from finesight.text.render import (
    NO_DISTORTION,
    NO_DISTORTION_IN_REGION,
    render_assess,
    render_brief,
    render_detect,
    render_dist_assess,
    render_referring,
    render_region,
    render_score,
)

NOISE, BLUR = DistortionType.NOISE, DistortionType.MOTION_BLUR
MINOR, MODERATE, SEVERE = Severity
LEFT, RIGHT = Box.of(0, 0, 400, 1000), Box.of(600, 0, 1000, 1000)
NOISY = Finding(type=NOISE, severity=SEVERE, box=LEFT, key=True)
BLURRED = Finding(type=BLUR, severity=MINOR, box=RIGHT)
# 320 of 400 wide: IoU .8. Two of them in 1.8 x what one of them is worth.
NEARLY = NOISY.model_copy(update={"box": Box.of(0, 0, 320, 1000)})
OPTIONS = ("Noise", "Motion blur", "Overexposure", "No distortion")
DIAGNOSIS = Diagnosis(content="A red car.", findings=(NOISY, BLURRED), level=Level.FAIR)
BRIEF = Brief(
    level=Level.FAIR,
    mentions=(Mention(type=NOISE, severity=SEVERE), Mention(type=BLUR, severity=MINOR)),
    scene="A red car.",
)


def sample(subclass: Subclass, answer: str, **fields) -> Sample:
    return Sample(id="s", image="a.png", subclass=subclass, question="?", answer=answer, **fields)


def assess(*findings: Finding, level: Level = Level.FAIR) -> str:
    return render_assess(Diagnosis(content="A red car.", findings=findings, level=level))


SAMPLES = {
    Subclass.ASSESS: sample(Subclass.ASSESS, render_assess(DIAGNOSIS)),
    Subclass.BRIEF_ASSESS: sample(Subclass.BRIEF_ASSESS, render_brief(BRIEF)),
    Subclass.DIST_ASSESS: sample(Subclass.DIST_ASSESS, render_dist_assess(NOISE, [NOISY])),
    Subclass.DIST_DETECT: sample(Subclass.DIST_DETECT, render_detect([NOISY, BLURRED])),
    Subclass.REF_GROUNDING: sample(Subclass.REF_GROUNDING, render_referring([LEFT])),
    Subclass.REG_PERCEPTION: sample(Subclass.REG_PERCEPTION, render_region([NOISY, BLURRED])),
    Subclass.MCQ: sample(Subclass.MCQ, "B.", candidates=OPTIONS),
    Subclass.SCORE: sample(Subclass.SCORE, render_score(Level.FAIR)),
}
EMPTY = {
    Subclass.DIST_ASSESS: sample(Subclass.DIST_ASSESS, "There is no noise in the image."),
    Subclass.DIST_DETECT: sample(Subclass.DIST_DETECT, NO_DISTORTION),
    Subclass.REG_PERCEPTION: sample(Subclass.REG_PERCEPTION, NO_DISTORTION_IN_REGION),
    Subclass.REF_GROUNDING: sample(Subclass.REF_GROUNDING, NO_DISTORTION),
}
SILENCE = {
    Subclass.DIST_ASSESS: "There is no noise in the image.",
    Subclass.DIST_DETECT: NO_DISTORTION,
    Subclass.REG_PERCEPTION: NO_DISTORTION_IN_REGION,
    Subclass.REF_GROUNDING: NO_DISTORTION,
}


def value(subclass: Subclass, answer: str, settings: RewardSettings | None = None) -> float | None:
    return reward_of(SAMPLES[subclass], answer, settings or RewardSettings()).value


def test_every_subclass_but_free_questions_has_a_reward():
    assert set(Subclass) - set(REWARDS) == {Subclass.QA}
    assert set(SAMPLES) == set(REWARDS)


@pytest.mark.parametrize("subclass", SAMPLES)
def test_the_reference_earns_exactly_one_and_all_its_parts_do(subclass):
    given = SAMPLES[subclass]
    for ending in ("", "<|im_end|>", "\n"):
        reward = reward_of(given, given.answer + ending)
        assert reward.value == 1.0
        assert reward.reason is None
        assert set(reward.parts.values()) <= {1.0}


@pytest.mark.parametrize("subclass", SAMPLES)
@pytest.mark.parametrize("text", ["", "   ", "<|im_end|>"])
def test_an_empty_answer_is_unscored_and_not_zero(subclass, text):
    reward = reward_of(SAMPLES[subclass], text)
    assert (reward.value, reward.reason) == (None, f"{Reason.EMPTY} at character 0")


@pytest.mark.parametrize("subclass", SAMPLES)
@pytest.mark.parametrize(
    "text", ["asdf", "<|box_start|>(1,2<|box_end|>", "\ud800", "1. 2. 3.", "A dog sits there"]
)
def test_garbage_is_unscored_and_says_where_it_is(subclass, text):
    reward = reward_of(SAMPLES[subclass], text)
    assert reward.value is None
    assert " at character " in reward.reason


@pytest.mark.parametrize("subclass", SAMPLES)
def test_a_reference_that_cannot_be_read_is_named_as_such(subclass):
    broken = SAMPLES[subclass].model_copy(update={"answer": "asdf"})
    reward = reward_of(broken, SAMPLES[subclass].answer)
    assert reward.value is None
    assert reward.reason.startswith("reference: ")


@pytest.mark.parametrize("subclass", EMPTY)
def test_where_there_is_nothing_silence_earns_one_and_any_box_nothing(subclass):
    boxed = SAMPLES[subclass].answer
    assert reward_of(EMPTY[subclass], EMPTY[subclass].answer).value == 1.0
    assert reward_of(EMPTY[subclass], boxed).value == 0.0
    assert reward_of(SAMPLES[subclass], SILENCE[subclass]).value == 0.0


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (assess(NEARLY, BLURRED), {"boxes": 0.95, "severity": 0.95, "key": 1, "level": 1}),
        (
            assess(NEARLY, BLURRED, level=Level.GOOD),
            {"boxes": 0.95, "severity": 0.95, "key": 1, "level": 0.5},
        ),
        (assess(NOISY), {"boxes": 2 / 3, "severity": 2 / 3, "key": 1, "level": 1}),
        (assess(BLURRED), {"boxes": 2 / 3, "severity": 2 / 3, "key": 0, "level": 1}),
        (
            assess(NOISY, BLURRED.model_copy(update={"severity": SEVERE, "key": True})),
            {"boxes": 1, "severity": 0.5, "key": 2 / 3, "level": 1},
        ),
        (assess(), {"boxes": 0, "severity": 0, "key": 0, "level": 1}),
        (assess(level=Level.EXCELLENT), {"boxes": 0, "severity": 0, "key": 0, "level": 0}),
    ],
)
def test_an_assessment_earns_by_distortions_key_and_level(answer, parts):
    reward = reward_of(SAMPLES[Subclass.ASSESS], answer)
    assert reward.parts == pytest.approx(parts)
    found = 0.8 * parts["boxes"] + 0.2 * parts["severity"]
    assert reward.value == pytest.approx((found + parts["key"] + parts["level"]) / 3)
    heavy = reward_of(SAMPLES[Subclass.ASSESS], answer, RewardSettings(found=3, key=0.5, level=0))
    assert heavy.value == pytest.approx((3 * found + 0.5 * parts["key"]) / 3.5)


def test_where_the_reference_names_no_key_it_is_not_asked_for():
    keyless = sample(Subclass.ASSESS, assess(NOISY.model_copy(update={"key": False}), BLURRED))
    reward = reward_of(keyless, assess(NOISY, BLURRED))
    assert reward.value == 1.0
    assert set(reward.parts) == {"boxes", "severity", "level"}


def test_a_clean_picture_earns_by_silence_and_level():
    clean = sample(Subclass.ASSESS, assess())
    assert reward_of(clean, assess()).value == 1.0
    assert reward_of(clean, assess(NOISY)).value == reward_of(clean, assess(BLURRED)).value == 0.5
    assert reward_of(clean, assess(level=Level.POOR)).value == 0.75


@pytest.mark.parametrize(
    ("mentions", "level", "earned"),
    [
        (BRIEF.mentions[:1], Level.FAIR, (2 / 3 + 1) / 2),
        (BRIEF.mentions, Level.BAD, 1 / 2),
        ((), Level.POOR, 0.5 / 2),
        (
            (*BRIEF.mentions, Mention(type=DistortionType.LOW_CLARITY, severity=MINOR)),
            Level.FAIR,
            (0.8 + 1) / 2,
        ),
    ],
)
def test_a_brief_assessment_earns_by_names_and_level(mentions, level, earned):
    said = BRIEF.model_copy(update={"mentions": mentions, "level": level})
    assert value(Subclass.BRIEF_ASSESS, render_brief(said)) == pytest.approx(earned)


@pytest.mark.parametrize(
    ("subclass", "answer", "earned"),
    [
        (Subclass.DIST_ASSESS, render_dist_assess(NOISE, [NEARLY]), 0.9),
        (Subclass.DIST_ASSESS, render_dist_assess(BLUR, [BLURRED]), 0),
        (Subclass.DIST_DETECT, render_detect([NEARLY]), 0.9 * 2 / 3),
        (Subclass.DIST_DETECT, render_detect([NOISY, NOISY.model_copy(update={"box": RIGHT})]), 1 / 2),
        (Subclass.REG_PERCEPTION, render_region([BLURRED]), 2 / 3),
        (Subclass.REF_GROUNDING, render_referring([NEARLY.box]), 0.8),
        (Subclass.REF_GROUNDING, render_referring([LEFT, RIGHT]), 2 / 3),
        (Subclass.MCQ, "B. Motion blur", 1),
        (Subclass.MCQ, "The answer is (b).", 1),
        (Subclass.MCQ, "A.", 0),
        (Subclass.SCORE, render_score(Level.GOOD), 0.5),
        (Subclass.SCORE, render_score(Level.BAD), 0),
    ],
)
def test_partly_right_answers_earn_their_part(subclass, answer, earned):
    assert value(subclass, answer) == pytest.approx(earned)


def test_a_letter_beyond_the_options_is_unscored_with_or_without_a_record_of_them():
    asked = choice_prompt("What is it?", OPTIONS)
    recorded = SAMPLES[Subclass.MCQ]
    prompted = recorded.model_copy(update={"candidates": (), "question": asked})
    for one in (recorded, prompted):
        assert Reason.LETTER_BEYOND_OPTIONS in reward_of(one, "E.").reason
        assert reward_of(one, "B. Motion blur").value == 1.0
    assert reward_of(recorded.model_copy(update={"candidates": ()}), "E.").value == 0.0


@pytest.mark.parametrize("subclass", [Subclass.DIST_DETECT, Subclass.DIST_ASSESS])
def test_a_reference_is_whole_even_without_its_full_stop(subclass):
    stopless = SAMPLES[subclass].model_copy(update={"answer": SAMPLES[subclass].answer.removesuffix(".")})
    assert reward_of(stopless, SAMPLES[subclass].answer).value == 1.0
    assert Reason.CUT_OFF in reward_of(stopless, stopless.answer).reason


JUNK = "and so on and on it goes without any end in sight"


@pytest.mark.parametrize("subclass", [Subclass.ASSESS, Subclass.MCQ, Subclass.SCORE])
def test_what_goes_on_behind_its_end_keeps_a_share_only(subclass):
    whole = SAMPLES[subclass].answer
    reward = reward_of(SAMPLES[subclass], f"{whole} {JUNK}.")
    assert reward.value == 0.25
    assert "should have ended" in reward.reason
    assert value(subclass, f"{whole} {JUNK}.", RewardSettings(excess=0.5)) == 0.5


@pytest.mark.parametrize("subclass", [Subclass.DIST_DETECT, Subclass.REG_PERCEPTION, Subclass.REF_GROUNDING])
def test_grounding_with_words_behind_it_cannot_be_read(subclass):
    assert value(subclass, f"{SAMPLES[subclass].answer} {JUNK}.") is None


@pytest.mark.parametrize(
    ("subclass", "before"),
    [
        (Subclass.ASSESS, "<|object_ref_start|>Minor"),
        (Subclass.BRIEF_ASSESS, "A red car"),
        (Subclass.DIST_ASSESS, "grain covers"),
        (Subclass.SCORE, "The quality"),
    ],
)
def test_prose_may_differ_from_the_reference_but_not_run_away(subclass, before):
    whole = SAMPLES[subclass].answer
    few, many = (whole.replace(before, f"{'very ' * count}{before}") for count in (8, 100))
    assert few != whole
    assert value(subclass, few) == 1.0
    assert value(subclass, many) == 0.25
    assert value(subclass, many, RewardSettings(spare_words=100)) == 1.0
    assert value(subclass, many, RewardSettings(words=100)) == 1.0


@pytest.mark.parametrize(
    ("subclass", "repeated"),
    [
        (Subclass.DIST_DETECT, render_detect([NOISY, BLURRED])[:-1] + "\n" + render_detect([NOISY, BLURRED])),
        (Subclass.REG_PERCEPTION, render_region([NOISY, BLURRED]) + "\n" + render_region([NOISY, BLURRED])),
        (Subclass.REF_GROUNDING, render_referring([LEFT]) * 2),
        (Subclass.DIST_ASSESS, render_dist_assess(NOISE, [NOISY]) + " " + render_dist_assess(NOISE, [NOISY])),
    ],
)
def test_what_is_said_twice_counts_as_found_once_and_said_twice(subclass, repeated):
    assert value(subclass, repeated) == pytest.approx(2 / 3)


def test_the_key_line_of_an_assessment_is_no_repetition_but_others_are():
    lines = render_assess(DIAGNOSIS).split("\n")
    assert reward_of(SAMPLES[Subclass.ASSESS], "\n".join(lines)).parts["boxes"] == 1
    twice = "\n".join((*lines[:2], *lines[1:]))
    assert reward_of(SAMPLES[Subclass.ASSESS], twice).parts["boxes"] == pytest.approx(4 / 5)


def test_names_said_twice_cost_as_much_as_wrong_ones():
    text = render_brief(BRIEF).replace("Severe noise", "Severe noise, severe noise")
    assert reward_of(SAMPLES[Subclass.BRIEF_ASSESS], text).parts["named"] == pytest.approx(4 / 5)


def test_what_the_reference_itself_repeats_may_be_repeated():
    double = render_referring([LEFT]) * 2
    assert reward_of(sample(Subclass.REF_GROUNDING, double), double).value == 1.0


def test_settings_under_which_nothing_counts_are_refused():
    with pytest.raises(ValidationError, match="found and level are both 0"):
        RewardSettings(found=0, level=0)
    with pytest.raises(ValidationError):
        RewardSettings(keys=1)
