from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.errors import InputError
from finesight.model.tree import Branch, lay_out
from finesight.schema.sample import Subclass
from finesight.train.batch import make_trees, steps
from finesight.train.examples import Example, make_examples, read_folder
from finesight.train.features import FeatureStore

KINDS = (Subclass.ASSESS, Subclass.MCQ, Subclass.MCQ, Subclass.QA)


def example(number: int, subclasses: tuple[Subclass, ...] = KINDS) -> Example:
    branches = tuple(Branch([1] * (2 + (number * 7 + i) % 5), 1) for i in range(len(subclasses)))
    return Example(Path(f"{number}.png"), branches, subclasses, None)


def epoch(examples, batch, **settings):
    """The draws of the first epoch."""
    count = -(-len(examples) // batch)
    return list(islice(steps(examples, batch, **({"questions": 2, "seed": 0} | settings)), count))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_every_picture_comes_once_an_epoch(count, batch, questions, seed):
    examples = [example(i) for i in range(count)]
    per_epoch = -(-count // batch)
    plan = list(islice(steps(examples, batch, questions, seed), 2 * per_epoch))
    for half in (plan[:per_epoch], plan[per_epoch:]):
        assert sorted(d.example for draws in half for d in draws) == list(range(count))
    for draw in (d for draws in plan for d in draws):
        assert len(set(draw.branches)) == len(draw.branches) == min(questions, len(KINDS))
    assert all(len(draws) <= batch for draws in plan)


def test_the_seed_alone_decides():
    examples = [example(i) for i in range(30)]
    assert epoch(examples, 4, seed=3) == epoch(examples, 4, seed=3)
    assert epoch(examples, 4, seed=3) != epoch(examples, 4, seed=4)
    twice = list(islice(steps(examples, 4, 2, 3), 16))
    assert twice[:8] != twice[8:]


def test_another_process_draws_the_same():
    program = (
        "from itertools import islice; from pathlib import Path;"
        "from finesight.model.tree import Branch; from finesight.schema.sample import Subclass;"
        "from finesight.train.batch import steps; from finesight.train.examples import Example;"
        "kinds = (Subclass.ASSESS, Subclass.MCQ);"
        "some = [Example(Path(str(i)), (Branch([1] * (2 + i % 3), 1),) * 2, kinds, None) for i in range(9)];"
        "said = str(list(islice(steps(some, 2, 1, 7, {Subclass.MCQ: 3.0}), 10)))"
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
    plan = list(islice(steps(examples, 2, 3, 0, {Subclass.MCQ: 0.0}), 4))
    assert {d.example for draws in plan for d in draws} == {0}
    assert {d.branches for draws in plan for d in draws} == {(0, 3)}


@pytest.mark.parametrize("examples", [[], [example(0, (Subclass.MCQ,))]])
def test_nothing_left_to_draw_is_an_error(examples):
    with pytest.raises(InputError, match="weight above 0"):
        next(steps(examples, 2, 3, 0, {Subclass.MCQ: 0.0}))


def test_pictures_of_like_length_go_together():
    examples = [example(i) for i in range(64)]
    spread = [
        max(lengths) - min(lengths)
        for draws in epoch(examples, 4)
        for lengths in [[sum(len(examples[d.example].branches[i].ids) for i in d.branches) for d in draws]]
    ]
    assert sum(spread) / len(spread) <= 1


def test_the_trees_of_a_step_are_its_pictures_with_the_questions_drawn(tiny, training_set):
    model = tiny("finesight_nano")
    examples = make_examples(model, training_set, read_folder(training_set)[0])
    store = FeatureStore(model)
    store.fill(e.path for e in examples)
    (draws,) = islice(steps(examples, 3, 2, 0), 1)
    trees = make_trees(model, examples, draws, store)
    assert [t.branches for t in trees] == [
        [examples[d.example].branches[i] for i in d.branches] for d in draws
    ]
    assert [t.prefix.count(model.family.image_token_id) for t in trees] == [
        len(store[examples[d.example].path].cells) for d in draws
    ]
    assert lay_out(trees).ids.shape == (3, max(t.length for t in trees))
