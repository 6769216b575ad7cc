from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.errors import InputError
from finesight.schema.sample import Subclass
from finesight.train.examples import Example
from finesight.train.plan import Limits, cost, hinted, share_out, steps, steps_an_epoch

KINDS = (Subclass.ASSESS, Subclass.MCQ, Subclass.MCQ, Subclass.QA)


ROOMY = 10**6
PREFIX = 10


def example(number: int, subclasses: tuple[Subclass, ...] = KINDS) -> Example:
    tokens = [np.ones(2 + (number * 7 + i) % 5, dtype=np.int32) for i in range(len(subclasses))]
    return Example(Path(f"{number}.png"), tokens, [1] * len(tokens), list(subclasses), prefix=PREFIX)


def epoch(examples, batch, questions=2, seed=0, weights=MappingProxyType({})):
    """The draws of the first epoch of those that draw some."""
    count = -(-len(examples) // batch)
    return list(islice(steps(examples, batch, Limits(questions, ROOMY), seed, weights), count))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_every_picture_comes_once_an_epoch(count, batch, questions, seed):
    examples = [example(i) for i in range(count)]
    per_epoch = -(-count // batch)
    plan = list(islice(steps(examples, batch, Limits(questions, ROOMY), seed, {}), 2 * per_epoch))
    for half in (plan[:per_epoch], plan[per_epoch:]):
        assert sorted(d.example for draws in half for d in draws) == list(range(count))
    for draw in (d for draws in plan for d in draws):
        assert len(set(draw.branches)) == len(draw.branches) == min(questions, len(KINDS))
    assert all(len(draws) <= batch for draws in plan)


def test_the_seed_alone_decides():
    examples = [example(i) for i in range(30)]
    assert epoch(examples, 4, seed=3) == epoch(examples, 4, seed=3)
    assert epoch(examples, 4, seed=3) != epoch(examples, 4, seed=4)
    twice = list(islice(steps(examples, 4, Limits(2, ROOMY), 3, {}), 16))
    assert twice[:8] != twice[8:]


def test_another_process_draws_the_same():
    program = (
        "from itertools import islice; from pathlib import Path; import numpy as np;"
        "from finesight.schema.sample import Subclass; from finesight.train.plan import Limits, steps;"
        "from finesight.train.examples import Example;"
        "kinds = [Subclass.ASSESS, Subclass.MCQ];"
        "some = [Example(Path(str(i)), [np.ones(2 + i % 3)] * 2, [1, 1], kinds) for i in range(9)];"
        "said = str(list(islice(steps(some, 2, Limits(1, 99), 7, {Subclass.MCQ: 3.0}), 10)))"
    )
    here: dict[str, str] = {}
    exec(program, here)
    there = subprocess.run(
        [sys.executable, "-c", program + "; print(said)"], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here["said"]


def test_what_weighs_nothing_is_never_drawn_and_what_weighs_more_is_drawn_more():
    examples = [example(i) for i in range(400)]
    weights = {Subclass.ASSESS: 0.0, Subclass.QA: 4.0}
    drawn = Counter(
        KINDS[i]
        for draws in epoch(examples, 8, questions=1, weights=weights)
        for d in draws
        for i in d.branches
    )
    assert drawn[Subclass.ASSESS] == 0
    # Four to one for qa against each of the two choices: two thirds of 400, give or take four deviations.
    assert abs(drawn[Subclass.QA] - 400 * 4 / 6) < 4 * (400 * 2 / 9) ** 0.5


def test_a_picture_all_of_whose_questions_weigh_nothing_is_left_out():
    examples = [example(0), example(1, (Subclass.MCQ, Subclass.MCQ)), example(2, ())]
    plan = list(islice(steps(examples, 2, Limits(3, ROOMY), 0, {Subclass.MCQ: 0.0}), 4))
    assert {d.example for draws in plan for d in draws} == {0}
    assert {d.branches for draws in plan for d in draws} == {(0, 3)}


@pytest.mark.parametrize("examples", [[], [example(0, (Subclass.MCQ,))]])
def test_nothing_left_to_draw_is_an_error(examples):
    with pytest.raises(InputError, match="weight above 0"):
        next(steps(examples, 2, Limits(3, ROOMY), 0, {Subclass.MCQ: 0.0}))


@given(
    st.integers(1, 30), st.integers(1, 9), st.integers(1, 6), st.integers(PREFIX + 6, 40), st.integers(0, 99)
)
def test_every_question_comes_once_an_epoch_in_trees_within_the_limits(count, batch, questions, tokens, seed):
    examples = [example(i) for i in range(count)]
    limits = Limits(questions, tokens)
    plan = list(islice(steps(examples, batch, limits, seed), steps_an_epoch(examples, batch, limits, seed)))
    draws = [d for group in plan for d in group]
    assert sorted((d.example, i) for d in draws for i in d.branches) == [
        (e, i) for e in range(count) for i in range(len(KINDS))
    ]
    assert all(len(d.branches) <= questions and cost(examples, d) <= tokens for d in draws)
    assert all(len(group) == batch for group in plan[:-1])


costs = st.lists(st.integers(1, 50), max_size=40)


@given(costs, st.integers(1, 8), st.integers(50, 200))
def test_a_step_is_shared_out_whole_and_within_the_limit(items, ranks, limit):
    shares = share_out(items, ranks, limit)
    assert sorted(i for share in shares for some in share for i in some) == list(range(len(items)))
    assert len({len(share) for share in shares}) == 1
    assert all(sum(items[i] for i in some) <= limit for share in shares for some in share)


@given(costs, st.integers(1, 8), st.integers(50, 200))
def test_ranks_do_about_the_same_work_at_the_same_time(items, ranks, limit):
    shares = share_out(items, ranks, limit)
    for together in zip(*shares, strict=True):
        loads = [sum(items[i] for i in some) for some in together]
        # Heaviest first, each to the lightest: no two passes differ by more than the heaviest item.
        assert max(loads) - min(loads) <= max(items, default=0)


def test_as_few_passes_as_the_limit_allows():
    assert [len(some) for some in share_out([10] * 8, 1, 40)[0]] == [4, 4]
    assert [len(share) for share in share_out([10] * 8, 2, 40)] == [1, 1]
    assert share_out([], 2, 40) == [[[]], [[]]]


@given(st.integers(0, 60), st.floats(0, 1), st.integers(0, 9), st.integers(0, 99))
def test_hints_follow_from_seed_and_step_and_more_share_only_adds_to_them(number, share, seed, step):
    told = hinted(number, share, seed, step)
    assert told == hinted(number, share, seed, step)
    assert len(told) == number
    assert all(a <= b for a, b in zip(told, hinted(number, 1.0, seed, step), strict=True))
    assert hinted(number, 1.0, seed, step) == [True] * number
    assert hinted(number, 0.0, seed, step) == [False] * number
