"""Laws of mining: every group is accounted for, once, whatever comes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.merge.merging import Caps, unmerge
from finesight.data.mine.difficulty import Reason, counted, informative
from finesight.data.mine.mining import Mined, mine
from finesight.data.mine.settings import MiningSettings
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards import reward_of

RIGHT_OR_WRONG = (0.0, 1.0, 0.0, 1.0)


def asked(index: int, subclass: Subclass = Subclass.ASSESS, image: str = "a.png", **fields: object) -> Sample:
    if subclass is Subclass.MCQ:
        fields = {
            "question": f"Question {index}: which?\nA. Noise\nB. Motion blur\nAnswer with a letter.",
            "answer": "B.",
            "candidates": ("Noise", "Motion blur"),
        } | fields
    texts = {"question": f"Question {index}?", "answer": f"Answer {index}."}
    return Sample(id=f"s{index}", image=image, subclass=subclass, **(texts | fields))


def group(index: int, rewards: Sequence[float | None], sample: Sample | None = None) -> RolloutGroup:
    answers = tuple(
        SampledAnswer(text="said", reward=reward, unscored="no letter" if reward is None else None)
        for reward in rewards
    )
    sampling = Sampling(samples=max(1, len(answers)))
    return RolloutGroup(
        index=index, sample=sample or asked(index), model="m", seed=index, sampling=sampling, answers=answers
    )


rewards = st.sampled_from([None, 0.0, 0.25, 0.5, 0.96, 1.0]) | st.floats(0, 1, width=16)
reward_lists = (
    st.lists(rewards, max_size=6)
    | st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4)
    | rewards.flatmap(lambda reward: st.just([reward] * 4))
)
TEXTS = ["Noise.", "No distortion.", "Severe motion blur and low clarity.", "Underexposure; noise."]


@st.composite
def group_lists(draw: st.DrawFn, unique: bool = True) -> list[RolloutGroup]:
    """Groups of choices and others, of few pictures, in any order; some of merged samples."""
    indices = draw(st.lists(st.integers(0, 30), max_size=14, unique=unique))
    made = []
    for index in indices:
        subclass = draw(
            st.sampled_from([Subclass.MCQ, Subclass.MCQ, Subclass.ASSESS, Subclass.DIST_DETECT, Subclass.QA])
        )
        fields = {} if subclass is Subclass.MCQ else {"answer": draw(st.sampled_from(TEXTS))}
        sample = asked(index, subclass, draw(st.sampled_from(["a.png", "b.png"])), **fields)
        made.append(group(index, draw(reward_lists), sample))
    return made


settings = st.builds(
    MiningSettings,
    low=st.sampled_from([0.0, 0.1, 0.4]),
    high=st.sampled_from([0.6, 0.9, 1.0]),
    epsilon=st.sampled_from([0.0, 0.05, 0.3]),
    unparsed=st.sampled_from([None, 0.0, 0.3]),
    min_scored=st.integers(2, 5),
    subclasses=st.sampled_from([{}, {Subclass.MCQ: {"low": 0.2, "budget": 1}}, {Subclass.QA: {"budget": 0}}]),
    merge_choices=st.booleans(),
    all_wrong=st.booleans(),
    caps=st.builds(Caps, questions=st.integers(1, 4), tokens=st.sampled_from([30, 2048])),
    budget=st.none() | st.integers(1, 8),
)


def choices(*rewards: tuple[float | None, ...], image: str = "a.png", first: int = 0) -> list[RolloutGroup]:
    return [group(i, one, asked(i, Subclass.MCQ, image)) for i, one in enumerate(rewards, first)]


def places(mined: Mined) -> list[tuple[int, ...]]:
    return [kept.indices for kept in mined.kept]


@given(group_lists(unique=False), settings)
def test_every_group_is_kept_or_dropped_for_one_reason(groups, settings):
    mined = mine(groups, settings)
    report = mined.report
    assert report.groups == len(groups)
    assert report.kept == len(mined.kept)
    assert report.groups == report.kept + sum(report.dropped.values())
    assert Counter({s: one.groups for s, one in report.subclasses.items()}) == Counter(
        g.sample.subclass for g in groups
    )
    for one in report.subclasses.values():
        assert one.groups == one.kept + sum(one.dropped.values())
    assert report.dropped == dict(sum((Counter(o.dropped) for o in report.subclasses.values()), Counter()))


@given(group_lists(), settings)
def test_every_question_is_asked_by_one_prompt_at_most_and_in_its_own_words(groups, settings):
    by_index = {g.index: g.sample for g in groups}
    kept, report = mine(groups, settings)
    asked_by = [index for one in kept for index in one.indices]
    assert len(asked_by) == len(set(asked_by)) == report.questions
    for sample, indices in kept:
        assert {part.index for part in sample.parts} == set(indices)
        assert unmerge([sample]) == [by_index[index] for index in sorted(indices)]
        assert len(indices) == 1 or sample.subclass is Subclass.MCQ


@given(group_lists(), settings, st.randoms(use_true_random=False))
def test_the_order_of_the_groups_is_of_no_account(groups, settings, rng):
    mixed = groups[:]
    rng.shuffle(mixed)
    assert mine(mixed, settings) == mine(groups, settings)


@given(group_lists(), settings)
def test_what_was_mined_is_worth_mining_again(groups, settings):
    """Mining is a filter: the kept questions alone give the same prompts."""
    mined = mine(groups, settings)
    chosen = {index for one in mined.kept for index in one.indices}
    again = mine([g for g in groups if g.index in chosen], settings)
    if settings.budget is None and not settings.subclasses.get(Subclass.MCQ):
        assert again.kept == mined.kept
    assert len(again.kept) <= len(mined.kept)


@given(group_lists(), settings)
def test_prompts_of_one_question_are_informative_to_grpo_by_the_same_rule(groups, settings):
    by_index = {g.index: g for g in groups}
    for sample, indices in mine(groups, settings).kept:
        if len(indices) == 1:
            epsilon = settings.band(sample.subclass).epsilon
            assert informative(counted(by_index[indices[0]], settings.unparsed), epsilon)


@given(group_lists(unique=False), settings)
def test_the_histograms_count_every_group_that_has_a_reward(groups, settings):
    scored = Counter(g.sample.subclass for g in groups if any(r is not None for r in g.rewards))
    for subclass, one in mine(groups, settings).report.subclasses.items():
        assert len(one.means) == len(one.ranges) == len(one.kept_means) == 20
        assert sum(one.means) == sum(one.ranges) == scored[subclass]
        assert sum(one.kept_means) == one.kept + one.dropped.get(Reason.MERGED, 0)
        assert all(some <= every for some, every in zip(one.kept_means, one.means, strict=True))


def test_the_bins_are_a_twentieth_wide_and_the_last_one_holds_1():
    report = mine([group(0, [0.04, 0.05]), group(1, [1.0] * 4), group(2, [0.5] * 3)]).report
    one = report.subclasses[Subclass.ASSESS]
    assert [i for i, n in enumerate(one.means) if n] == [0, 10, 19]
    assert one.ranges[0] == 3


def test_one_of_every_kind():
    groups = [
        group(0, [None] * 4),
        group(1, [0.5, 0.6]),
        group(2, [1.0, 1.0, 0.95, 1.0]),
        group(3, [0.0, 0.1, 0.0, 0.0]),
        group(4, [0.5, 0.5, 0.52, 0.5]),
        group(5, [0.2, 0.8, 0.2, 0.8]),
        group(5, [0.2, 0.8, 0.2, 0.8]),
        group(6, [0.2, 0.8, 0.2, 0.8]),
        *choices((1.0,) * 4, RIGHT_OR_WRONG, (0.0,) * 4, first=7),
    ]
    mined = mine(groups, MiningSettings(budget=2))
    assert mined.report.dropped == {
        Reason.REPEATED: 1,
        Reason.UNSCORED: 1,
        Reason.TOO_FEW_SCORED: 1,
        Reason.TOO_EASY: 2,
        Reason.TOO_HARD: 1,
        Reason.NO_SPREAD: 1,
        Reason.OVER_BUDGET: 1,
        Reason.MERGED: 1,
    }
    assert (8, 9) in places(mined)
    assert mined.report.models == ("m",)


def test_choices_of_a_picture_that_were_not_all_right_become_one_prompt():
    groups = [*choices(RIGHT_OR_WRONG, (1.0,) * 4, (0.0,) * 4, RIGHT_OR_WRONG), group(9, RIGHT_OR_WRONG)]
    mined = mine([*groups, *choices(RIGHT_OR_WRONG, image="b.png", first=4)])
    assert places(mined) == [(0, 2, 3), (4,), (9,)]
    prompt = mined.kept[0].sample
    assert re.findall(r"^(\d)\. Question (\d)", prompt.question, re.M) == [("1", "0"), ("2", "2"), ("3", "3")]
    assert prompt.answer == "1. B.\n2. B.\n3. B."
    assert (prompt.image, prompt.subclass) == ("a.png", Subclass.MCQ)


def test_the_questions_of_a_prompt_stand_in_the_order_of_the_data_whatever_order_they_come_in():
    groups = choices(*[RIGHT_OR_WRONG] * 5)
    mined = mine(groups[::-1], MiningSettings(caps=Caps(questions=3)))
    assert places(mined) == [(0, 1, 2), (3, 4)]
    assert mined == mine(groups, MiningSettings(caps=Caps(questions=3)))


def test_those_that_nobody_got_right_may_stay_out():
    groups = choices(RIGHT_OR_WRONG, (0.0,) * 4, RIGHT_OR_WRONG)
    mined = mine(groups, MiningSettings(all_wrong=False))
    assert places(mined) == [(0, 2)]
    assert mined.report.dropped == {Reason.TOO_HARD: 1, Reason.MERGED: 1}


def test_a_prompt_of_choices_that_nobody_got_right_cannot_teach():
    mined = mine(choices((0.0,) * 4, (0.0,) * 4))
    assert not mined.kept
    assert mined.report.dropped == {Reason.TOO_HARD: 2}


def test_choices_may_stay_as_they_are():
    groups = choices(RIGHT_OR_WRONG, (0.0,) * 4, (1.0,) * 4, (0.0, 0.0, 0.0, 1.0))
    assert places(mine(groups, MiningSettings(merge_choices=False))) == [(0,), (3,)]


def test_a_prompt_of_choices_keeps_to_the_caps():
    groups = choices(*[RIGHT_OR_WRONG] * 7)
    assert places(mine(groups, MiningSettings(caps=Caps(questions=3)))) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert len(mine(groups, MiningSettings(caps=Caps(tokens=1))).kept) == 7


def test_choices_that_were_merged_before_are_judged_as_they_are():
    whole = mine(choices(RIGHT_OR_WRONG, RIGHT_OR_WRONG)).kept[0].sample
    groups = [group(5, [0.5, 1.0, 0.5, 0.5], whole), *choices(RIGHT_OR_WRONG, first=6)]
    mined = mine(groups)
    assert places(mined) == [(5,), (6,)]
    assert mined.kept[0].sample == whole


def test_one_that_stands_alone_in_merged_data_may_be_merged():
    alone = [kept.sample for kept in mine(choices(RIGHT_OR_WRONG, image="a.png")).kept] * 2
    assert alone[0].parts
    mined = mine([group(i, RIGHT_OR_WRONG, sample) for i, sample in enumerate(alone)])
    assert places(mined) == [(0, 1)]


@pytest.mark.parametrize("letters", [*product("AB", repeat=3)])
def test_a_merged_prompt_earns_the_share_answered_right(letters):
    (prompt,) = mine(choices(*[RIGHT_OR_WRONG] * 3)).kept
    said = "\n".join(f"{number}. {letter}." for number, letter in enumerate(letters, 1))
    assert reward_of(prompt.sample, said).value == pytest.approx(letters.count("B") / 3)


def test_thresholds_of_a_subclass_are_for_it_alone():
    rewards = [0.2, 0.4, 0.2, 0.4]
    groups = [group(0, rewards), group(1, rewards, asked(1, Subclass.DIST_DETECT))]
    mined = mine(groups, MiningSettings(subclasses={Subclass.ASSESS: {"low": 0.4}}))
    assert places(mined) == [(1,)]
    assert mined.report.subclasses[Subclass.ASSESS].band.low == 0.4
    assert mined.report.subclasses[Subclass.DIST_DETECT].band.low == 0.05


@pytest.mark.parametrize(
    ("unparsed", "reason"), [(0.0, None), (None, Reason.TOO_FEW_SCORED), (0.6, Reason.NO_SPREAD)]
)
def test_answers_that_cannot_be_read_count_as_they_do_in_training(unparsed, reason):
    mined = mine([group(0, [0.6, 0.6, None, None])], MiningSettings(unparsed=unparsed))
    assert mined.report.dropped == ({reason: 1} if reason else {})
    one = mined.report.subclasses[Subclass.ASSESS]
    assert (one.answers, one.unscored_answers) == (4, 2)


def test_answers_that_nobody_scored_do_not_count():
    scored = group(0, [0.6, 0.6, 0.6, 0.6])
    left = [answer.model_copy(update={"reward": None}) for answer in scored.answers[:2]]
    half = scored.model_copy(update={"answers": (*left, *scored.answers[2:])})
    assert mine([half]).report.dropped == {Reason.TOO_FEW_SCORED: 1}


def test_where_no_answer_has_a_reward_it_is_not_the_answers_that_are_wrong():
    assert mine([group(0, [None] * 8)], MiningSettings(low=0, min_scored=2)).report.dropped == {
        Reason.UNSCORED: 1
    }


def test_types_are_counted_before_and_after():
    def about(index: int, answer: str) -> Sample:
        return asked(index, answer=answer)

    groups = [
        group(0, RIGHT_OR_WRONG, about(0, "Noise and motion blur.")),
        group(1, (1.0,) * 4, about(1, "Noise.")),
        group(2, RIGHT_OR_WRONG, about(2, "Nothing.")),
    ]
    report = mine(groups).report
    assert report.types_before == {"Motion blur": 1, "Noise": 2, "none": 1}
    assert report.types_after == {"Motion blur": 1, "Noise": 1, "none": 1}


def test_a_stream_is_read_once_and_what_waits_does_not_stay_in_memory():
    """Of a group that may be kept and is not, a few words stay; its texts take two kilobytes."""
    import tracemalloc

    def peak(count: int) -> int:
        long = "word " * 400
        stream = (group(i, [0.2, 0.8, 0.2, 0.8], asked(i, answer=long)) for i in range(count))
        tracemalloc.start()
        assert len(mine(stream, MiningSettings(budget=10)).kept) == 10
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    from finesight.data.mine import shelf

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "IN_MEMORY", 1 << 12)
        peak(10)
        assert peak(900) - peak(100) < 800 * 1200
