from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.train.policy.groups import Lesson, plant

PREFIX = {Path("a.png"): 30, Path("b.png"): 50}
LIMIT = 120
tokens = st.lists(st.integers(0, 9), min_size=1, max_size=20).map(tuple)


@st.composite
def lessons(draw: st.DrawFn) -> Lesson:
    answers = draw(st.lists(tokens, min_size=1, max_size=6))
    advantages = tuple(float(number) for number in range(len(answers)))
    drawn = tuple(tuple(-float(t) for t in answer) for answer in answers)
    return Lesson(draw(st.sampled_from(list(PREFIX))), draw(tokens), tuple(answers), advantages, drawn)


def parts(found: list[Lesson]) -> Counter:
    """Each answer with what belongs to it."""
    return Counter(
        (lesson.picture, lesson.question, *whole)
        for lesson in found
        for whole in zip(lesson.answers, lesson.advantages, lesson.drawn, strict=True)
    )


@given(st.lists(lessons(), max_size=8))
def test_every_answer_is_planted_once_behind_its_question_and_picture(given_lessons):
    trees = plant(given_lessons, PREFIX, LIMIT)
    assert all(lesson.picture == tree.picture for tree in trees for lesson in tree.lessons)
    assert parts([lesson for tree in trees for lesson in tree.lessons]) == parts(given_lessons)


@given(st.lists(lessons(), max_size=8))
def test_no_tree_is_larger_than_the_limit_and_its_cost_is_its_length(given_lessons):
    for tree in plant(given_lessons, PREFIX, LIMIT):
        cost = tree.cost(PREFIX[tree.picture])
        assert cost == PREFIX[tree.picture] + sum(branch.length for branch in tree.branches)
        assert cost <= LIMIT
        assert all(lesson.answers for lesson in tree.lessons)


@given(st.lists(lessons(), max_size=8))
def test_a_picture_is_planted_once_where_there_is_room(given_lessons):
    trees = plant(given_lessons, PREFIX, 10**6)
    assert len(trees) == len({lesson.picture for lesson in given_lessons})


def test_a_group_too_large_for_a_tree_is_split_and_its_question_repeated():
    lesson = Lesson(Path("a.png"), (1,) * 10, ((2,) * 30,) * 4, (1.0, 2.0, 3.0, 4.0), ((0.0,) * 30,) * 4)
    trees = plant([lesson], PREFIX, LIMIT)
    assert [[le.advantages for le in tree.lessons] for tree in trees] == [[(1.0, 2.0)], [(3.0, 4.0)]]
    assert all(tree.cost(30) == pytest.approx(100) for tree in trees)
