"""Which pictures and questions make up which step: a pure function of the seed, so that a resume is exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from finesight.errors import InputError
from finesight.model.load import LoadedModel
from finesight.model.tree import Tree
from finesight.schema.sample import Subclass
from finesight.train.examples import Example
from finesight.train.features import FeatureStore


class Draw(NamedTuple):
    """One picture of a step and which of its branches are asked (by index)."""

    example: int
    branches: tuple[int, ...]


def steps(
    examples: Sequence[Example],
    batch: int,
    questions: int,
    seed: int,
    weights: Mapping[Subclass, float] | None = None,
) -> Iterator[list[Draw]]:
    """Endless batches of draws, epoch after epoch; every picture with a question to draw comes once an epoch.

    Within an epoch pictures of like length go together, as padding is work for nothing; the order of the
    batches is shuffled again.

    Args:
        batch: pictures a step. questions: branches a picture, drawn without repetition.
        weights: relative chance of a subclass to be drawn; 1 where it is not named.

    Raises:
        InputError: no picture has a question with a chance.
    """
    weights = weights or {}
    usable = [i for i, e in enumerate(examples) if any(weights.get(s, 1.0) > 0 for s in e.subclasses)]
    if not usable:
        raise InputError("no question is left to train on: give a subclass of the data a weight above 0")
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        draws = [_draw(i, examples[i], questions, rng, weights) for i in rng.permutation(usable)]
        window = 16 * batch
        batches: list[list[Draw]] = []
        for start in range(0, len(draws), window):
            near = sorted(draws[start : start + window], key=lambda d: _length(examples, d))
            batches += [near[i : i + batch] for i in range(0, len(near), batch)]
        yield from (batches[i] for i in rng.permutation(len(batches)))
        epoch += 1


def hinted(count: int, share: float, seed: int, step: int) -> list[bool]:
    """Which of the pictures of a step nano is given a hint for: each with a chance of `share`."""
    return [bool(told) for told in np.random.default_rng([seed, step]).random(count) < share]


def make_trees(
    model: LoadedModel, examples: Sequence[Example], draws: Sequence[Draw], store: FeatureStore
) -> list[Tree]:
    """The trees of one step."""
    trees = []
    for draw in draws:
        example = examples[draw.example]
        features = store[example.path]
        prefix = model.prefix(features)
        positions = model.family.prefix_positions(prefix, features.grid)
        trees.append(Tree(prefix, positions, [example.branches[i] for i in draw.branches]))
    return trees


def _draw(
    index: int,
    example: Example,
    questions: int,
    rng: np.random.Generator,
    weights: Mapping[Subclass, float],
) -> Draw:
    chance = np.array([weights.get(s, 1.0) for s in example.subclasses])
    count = min(questions, int((chance > 0).sum()))
    chosen = rng.choice(len(chance), size=count, replace=False, p=chance / chance.sum())
    return Draw(int(index), tuple(sorted(int(i) for i in chosen)))


def _length(examples: Sequence[Example], draw: Draw) -> int:
    return sum(len(examples[draw.example].branches[i].ids) for i in draw.branches)
