"""Answers judged: thoughts dropped, merged samples question by question, users' rewards in bounds, groups scored."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from finesight.data.merge.merging import merge
from finesight.data.questions import questions_of
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import REWARDS, Reward, RewardSettings, reward_of, score_group
from finesight.text.merged import numbered

LEFT, RIGHT = "<|box_start|>(0,0),(400,1000)<|box_end|>", "<|box_start|>(600,0),(1000,1000)<|box_end|>"


def picture(seed: int) -> Annotation:
    """A picture with up to eight random distortions, some of them equal, some without an area."""
    rng = Random(seed)

    def distortion() -> Distortion:
        x1, x2 = sorted(rng.sample(range(1001), 2))
        y1, y2 = sorted(rng.sample(range(1001), 2))
        return Distortion(
            type=rng.choice(list(DistortionType)),
            severity=rng.choice(list(Severity)),
            box=Box.of(x1, y1, x2, y2 if rng.random() > 0.05 else y1),
            significance=rng.randint(1, 4),
        )

    return Annotation(
        image=f"{seed}.png",
        width=640,
        height=480,
        mos=3,
        level=rng.choice(list(Level)),
        distortions=tuple(distortion() for _ in range(rng.randint(0, 8))),
        content="A red car on a bridge.",
    )


def asked(subclass: Subclass, *answers: str, **fields) -> Sample:
    """A sample of one question, or the merged one of several."""
    singles = [
        Sample(id=f"{i}", image="a.png", subclass=subclass, question=f"{i}?", answer=answer, **fields)
        for i, answer in enumerate(answers)
    ]
    return singles[0] if len(singles) == 1 else merge(singles, lambda texts: [1] * len(texts))[0]


CHOICE = asked(Subclass.MCQ, "B.", candidates=("x", "y", "z"))
CHOICES = asked(Subclass.MCQ, "B.", "A.", "C.", "A.", candidates=("x", "y", "z"))
REFERRING = asked(Subclass.REF_GROUNDING, LEFT, RIGHT)


@hypothesis_settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_the_references_of_generated_questions_earn_exactly_one_single_merged_and_after_thoughts(seed):
    singles = questions_of(picture(seed), seed)
    for sample in [*singles, *merge(singles, lambda texts: [1] * len(texts))]:
        plain = reward_of(sample, sample.answer)
        assert plain == reward_of(sample, f"<think>A or B.</think>\n{sample.answer}<|im_end|>")
        if sample.subclass is Subclass.QA:
            assert plain.value is None
            assert "no rule for free answers" in plain.reason
        else:
            assert plain == (1.0, None, plain.parts)


@hypothesis_settings(max_examples=60)
@given(
    st.integers(0, 50),
    st.text() | st.integers(0, 50).map(lambda seed: questions_of(picture(seed), 1)[0].answer),
)
def test_whatever_is_said_there_is_a_reward_within_bounds_or_a_reason(seed, text):
    for sample in merge(questions_of(picture(seed), seed), lambda texts: [1] * len(texts)):
        reward = reward_of(sample, text)
        assert 0 <= reward.value <= 1 if reward.value is not None else reward.reason
        assert all(0 <= part <= 1 for part in reward.parts.values())


def test_thoughts_are_dropped_before_an_answer_is_judged():
    assert reward_of(CHOICE, "<think>A. or C.</think>B.").value == 1
    assert reward_of(CHOICE, "<think>B.</think>A.").value == 0
    assert reward_of(CHOICE, "<think>B.").value is None


def test_merged_choices_earn_the_share_answered_right():
    assert reward_of(CHOICES, "1. B\n2. A\n3. A\n4. B").value == 0.5
    assert reward_of(CHOICES, "1. B\n2. A\n3. A\n4. B").parts == {"1": 1, "2": 1, "3": 0, "4": 0}


def test_of_merged_choices_an_unreadable_one_is_wrong_and_named():
    reward = reward_of(CHOICES, "1. B\n2. maybe A\n4. A.\n3. C\n4. A")
    assert reward.value == 0.5
    assert reward.reason == "2: no option letter; 4: two answers with this number"
    assert reward_of(CHOICES, "1. B").value == 0.25


@pytest.mark.parametrize("text", ["", "B.", "B A C A", "7. B"])
def test_merged_choices_that_cannot_be_told_apart_are_unscored(text):
    assert reward_of(CHOICES, text).value is None


def test_words_between_and_behind_merged_letters_are_too_many_but_option_texts_are_not():
    whole = "1. B\n2. A\n3. C\n4. A"
    assert reward_of(CHOICES, f"Here you are:\n{whole}").value == 1
    assert reward_of(CHOICES, whole.replace("2. A", "2. A. x")).value == 1
    assert reward_of(CHOICES, f"{whole}\nand so on").value == 0.25
    assert reward_of(CHOICES, whole.replace("2. A", "2. A. because")).value == 0.25


def test_a_merged_question_whose_reference_cannot_be_read_is_not_counted():
    broken = asked(Subclass.MCQ, "B.", "nobody knows", "C.", candidates=("x", "y", "z"))
    assert reward_of(broken, "1. B\n2. A\n3. A").value == 0.5
    boxes = asked(Subclass.REF_GROUNDING, LEFT, "nobody knows")
    reward = reward_of(boxes, numbered([LEFT, RIGHT]))
    assert (reward.value, reward.parts) == (1.0, {"1": 1.0})
    assert reward.reason.startswith("2: reference: ")
    hopeless = asked(Subclass.MCQ, "nobody", "knows", candidates=("x", "y"))
    assert reward_of(hopeless, "1. B\n2. A").value is None


def test_other_merged_samples_earn_the_mean_over_their_questions():
    assert reward_of(REFERRING, numbered([LEFT, LEFT])).parts == {"1": 1, "2": 0}
    assert reward_of(REFERRING, numbered([LEFT, LEFT])).value == 0.5
    assert reward_of(REFERRING, numbered([LEFT, RIGHT])).value == 1


def test_leaving_a_merged_question_out_earns_nothing_for_it():
    reward = reward_of(REFERRING, f"1. {LEFT}")
    assert (reward.value, reward.parts) == (0.5, {"1": 1, "2": 0})
    assert reward.reason.startswith("2: no answer with this number")
    assert reward_of(REFERRING, numbered([LEFT, "over there"])).value == 0.5
    assert reward_of(REFERRING, LEFT).value is None


def test_a_merged_sample_that_lost_its_form_is_unscored():
    lost = REFERRING.model_copy(update={"answer": "1. one"})
    assert reward_of(lost, "1. x").value is None
    assert reward_of(lost, "1. x").reason.startswith("reference: ")


def test_a_question_that_stands_alone_among_merged_ones_is_judged_as_it_is():
    (alone,) = merge([asked(Subclass.REF_GROUNDING, LEFT)], lambda texts: [1] * len(texts))
    assert len(alone.parts) == 1
    assert reward_of(alone, LEFT).value == 1


def test_a_reward_of_the_user_goes_before_ours_and_sees_the_answer_without_thoughts():
    seen = []

    def own(sample, answer, settings):
        seen.append((sample.id, answer, settings))
        return Reward(np.float32(0.25), parts={"mine": 0.25})

    settings = RewardSettings(excess=0)
    reward = reward_of(CHOICE, "<think>A</think> B, I say", settings, {Subclass.MCQ: own})
    assert reward == Reward(0.25, None, {"mine": 0.25})
    assert type(reward.value) is float
    assert seen == [(CHOICE.id, "B, I say", settings)]
    free = asked(Subclass.QA, "Yes.")
    assert reward_of(free, "No.", own={Subclass.QA: own}).value == 0.25
    assert reward_of(CHOICE, "A.", own={Subclass.QA: own}).value == 0


def test_a_reward_of_the_user_is_asked_about_each_question_of_a_merged_sample():
    def own(sample, answer, settings):
        assert not sample.parts
        return Reward(float(answer == sample.answer))

    free = asked(Subclass.QA, "Yes.", "No.", "Two.")
    assert reward_of(free, numbered(["Yes.", "Yes.", "Two."]), own={Subclass.QA: own}).value == pytest.approx(
        2 / 3
    )
    assert reward_of(CHOICES, numbered(["B.", "A.", "C.", "B."]), own={Subclass.MCQ: own}).value == 0.75


def raises(sample, answer, settings):
    raise KeyError("weights")


@pytest.mark.parametrize(
    ("given_reward", "reason"),
    [
        (Reward(math.nan), "gave nan, which is not a number from 0 to 1"),
        (Reward(math.inf), "gave inf"),
        (Reward(-0.1), "gave -0.1"),
        (Reward(1.5), "gave 1.5"),
        (Reward("1"), "gave '1'"),
        (Reward(1j), "gave 1j"),
        (0.5, "gave 0.5, which is not a Reward"),
        (None, "gave None, which is not a Reward"),
        (Reward(None), "gave no value and no reason"),
        (Reward(None, "no idea"), "no idea"),
    ],
)
def test_a_reward_of_the_user_that_is_none_is_unscored_with_the_reason(given_reward, reason):
    reward = reward_of(CHOICE, "B.", own={Subclass.MCQ: lambda *_: given_reward})
    assert reward.value is None
    assert reason in reward.reason


def test_a_reward_of_the_user_that_raises_is_unscored_with_its_name_and_complaint():
    reward = reward_of(CHOICE, "B.", own={Subclass.MCQ: raises})
    assert reward.value is None
    assert "test_judge:raises raised KeyError: 'weights'" in reward.reason


def test_a_reward_of_the_user_that_fails_for_one_merged_question_does_not_take_it_for_wrong():
    def own(sample, answer, settings):
        return raises(sample, answer, settings) if sample.question == "1?" else Reward(1.0)

    reward = reward_of(CHOICES, CHOICES.answer, own={Subclass.MCQ: own})
    assert (reward.value, set(reward.parts)) == (1.0, {"1", "3", "4"})
    assert "2: " in reward.reason


def group(*answers: SampledAnswer) -> RolloutGroup:
    return RolloutGroup(index=0, sample=CHOICE, model="m", seed=1, sampling=Sampling(), answers=answers)


def test_a_group_gets_rewards_and_reasons_and_is_itself_left_alone():
    given_group = group(
        SampledAnswer(text="B.", tokens=(1, 2), logprobs=(-0.1, -0.2)),
        SampledAnswer(text="A.<|im_end|>", finished=False),
        SampledAnswer(text="dunno"),
    )
    before = given_group.model_copy(deep=True)
    scored = score_group(given_group, RewardSettings(), {})
    assert given_group == before
    assert scored.rewards == (1.0, 0.0, None)
    assert [answer.unscored for answer in scored.answers] == [None, None, "no option letter at character 0"]
    unrewarded = [a.model_copy(update={"reward": None, "unscored": None}) for a in scored.answers]
    assert scored.model_copy(update={"answers": tuple(unrewarded)}) == before


def test_scoring_again_replaces_what_was_there():
    scored = score_group(group(SampledAnswer(text="B."), SampledAnswer(text="dunno")))
    assert score_group(scored) == scored
    again = score_group(
        scored, own={Subclass.MCQ: lambda s, a, _: Reward(0.5 if a == "dunno" else None, "mine")}
    )
    assert [(a.reward, a.unscored) for a in again.answers] == [(None, "mine"), (0.5, None)]
    assert score_group(again) == scored


def test_a_reason_beside_a_reward_does_not_make_an_answer_unscored():
    (answer,) = score_group(group(SampledAnswer(text="B. and so on"))).answers
    assert (answer.reward, answer.unscored) == (0.25, None)


def test_the_rewards_themselves_judge_as_reward_of_does():
    for text in ("B.", "A.", "dunno"):
        assert REWARDS[Subclass.MCQ](CHOICE, text, RewardSettings()) == reward_of(CHOICE, text)
