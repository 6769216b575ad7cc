"""Guessing at choices is told from knowing some of them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.mine.chance import ENOUGH, chance, guessing_earns
from finesight.data.mine.mining import mine
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Part, Sample, Subclass
from finesight.scoring.rewards import score_group
from finesight.text.prompts import choice_prompt

LETTERS = "ABCDE"


def choice(index: int, options: int, right: str) -> Sample:
    candidates = tuple(f"part {letter}" for letter in LETTERS[:options])
    return Sample(
        id=f"s{index}",
        image=f"{index}.png",
        subclass=Subclass.MCQ,
        question=choice_prompt("Which part is noisy?", candidates),
        answer=f"{right}.",
        candidates=candidates,
    )


def answered(count: int, say: Callable[[Random, str, str], str], seed: int) -> list[RolloutGroup]:
    """Choices with two to five options; `say` is given what may be said, and what is right."""
    rng = Random(seed)
    groups = []
    for index in range(count):
        letters = LETTERS[: rng.randint(2, 5)]
        right = rng.choice(letters)
        answers = tuple(SampledAnswer(text=f"{say(rng, letters, right)}.") for _ in range(8))
        sample = choice(index, len(letters), right)
        group = RolloutGroup(
            index=index, sample=sample, model="m", seed=0, sampling=Sampling(), answers=answers
        )
        groups.append(score_group(group))
    return groups


def blindly(rng: Random, letters: str, right: str) -> str:
    return rng.choice(letters)


def mostly_the_first(rng: Random, letters: str, right: str) -> str:
    return letters[0] if rng.random() < 0.7 else blindly(rng, letters, right)


def knowing_a_third(rng: Random, letters: str, right: str) -> str:
    return right if rng.random() < 1 / 3 else blindly(rng, letters, right)


@pytest.mark.parametrize("say", [blindly, mostly_the_first])
def test_guesses_are_told_by_all_groups_together_though_each_looks_of_medium_difficulty(say):
    found = [mine(answered(120, say, seed))[1] for seed in range(10)]
    assert sum(report.choices.guessed for report in found) >= 8  # two standard errors
    assert min(report.kept for report in found) > 120 / 2


def test_who_knows_a_third_does_not_guess():
    for seed in range(10):
        choices = mine(answered(120, knowing_a_third, seed))[1].choices
        assert not choices.guessed
        assert choices.earned - choices.guessing == pytest.approx((1 - choices.guessing) / 3, abs=0.06)


def test_of_too_few_groups_nothing_is_said():
    assert mine(answered(ENOUGH - 1, blindly, 0))[1].choices is None
    assert mine(answered(ENOUGH, blindly, 0))[1].choices is not None


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1)), min_size=ENOUGH, max_size=40).flatmap(
        lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))
    )
)
def test_the_order_of_the_groups_does_not_matter(both):
    one, other = (chance(pairs) for pairs in both)
    assert one == other


def test_a_merged_prompt_is_guessed_question_by_question():
    group = answered(1, blindly, 0)[0]
    parts = tuple(Part(id=f"p{i}", index=i, candidates=tuple(LETTERS[:n])) for i, n in enumerate((2, 4)))
    merged = group.model_copy(update={"sample": group.sample.model_copy(update={"parts": parts})})
    assert guessing_earns(merged) == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_a_choice_that_lists_no_options_is_left_out():
    group = answered(1, blindly, 0)[0]
    bare = group.sample.model_copy(update={"candidates": (), "question": "Which?"})
    assert guessing_earns(group.model_copy(update={"sample": bare})) is None
