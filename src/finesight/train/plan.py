"""Which questions make up which step, and who runs them: pure functions of the seed, so that a resume is exact.

A step is a list of draws. It says nothing of processes or memory; `share_out` splits it into passes, and
however it is split, the sum of the passes' gradients is that of the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from finesight.errors import InputError
from finesight.schema.sample import Subclass
from finesight.train.examples import Example


class Draw(NamedTuple):
    """One picture of a step and which of its branches are asked (by index)."""

    example: int
    branches: tuple[int, ...]


class Limits(NamedTuple):
    """How large a tree may become: branches behind a picture, and tokens in all."""

    questions: int
    tokens: int


def every(examples: Sequence[Example], limits: Limits, rng: np.random.Generator) -> list[Draw]:
    """Draws of an epoch that asks every question once: as few trees a picture as the limits allow, shuffled."""
    draws = []
    for index, example in enumerate(examples):
        order = rng.permutation(len(example.subclasses)).tolist()
        draws += [Draw(index, tuple(sorted(group))) for group in _groups(example, order, limits)]
    return [draws[i] for i in rng.permutation(len(draws))]


def some(
    examples: Sequence[Example], limits: Limits, rng: np.random.Generator, weights: Mapping[Subclass, float]
) -> list[Draw]:
    """Draws of an epoch that shows every picture once, with branches drawn by the weight of their subclass."""
    draws = []
    for index in rng.permutation(len(examples)).tolist():
        example = examples[index]
        chance = np.array([weights.get(s, 1.0) for s in example.subclasses])
        number = min(limits.questions, int((chance > 0).sum()))
        if number:
            chosen = rng.choice(len(chance), size=number, replace=False, p=chance / chance.sum()).tolist()
            # What does not fit beside the first ones is left for another epoch.
            draws.append(Draw(index, tuple(sorted(next(iter(_groups(example, chosen, limits)))))))
    return draws


def steps(
    examples: Sequence[Example],
    batch: int,
    limits: Limits,
    seed: int,
    weights: Mapping[Subclass, float] | None = None,
) -> Iterator[list[Draw]]:
    """Endless steps of `batch` draws, epoch after epoch; the last step of an epoch may be smaller.

    Args:
        weights: chances of subclasses to be drawn, 1 where not named; None asks every question once an epoch.

    Raises:
        InputError: there is no question, or none has a chance.
    """
    for epoch in count():
        rng = np.random.default_rng([seed, epoch])
        draws = every(examples, limits, rng) if weights is None else some(examples, limits, rng, weights)
        if not draws:
            raise InputError("no question is left to train on: give a subclass of the data a weight above 0")
        yield from (draws[i : i + batch] for i in range(0, len(draws), batch))


def steps_an_epoch(
    examples: Sequence[Example],
    batch: int,
    limits: Limits,
    seed: int,
    weights: Mapping[Subclass, float] | None = None,
) -> int:
    """Steps of the first epoch; others may have one more or less, as trees fill up by chance."""
    rng = np.random.default_rng([seed, 0])
    draws = every(examples, limits, rng) if weights is None else some(examples, limits, rng, weights)
    return -(-len(draws) // batch)


def cost(examples: Sequence[Example], draw: Draw) -> int:
    """Tokens of the tree of a draw."""
    example = examples[draw.example]
    return example.prefix + sum(len(example.tokens[i]) for i in draw.branches)


def share_out(costs: Sequence[int], ranks: int, limit: int) -> list[list[list[int]]]:
    """Passes of a step: which items each rank runs in each of its passes, [rank][pass] -> indices.

    All ranks have equally many passes, as few as `limit` allows, and the passes that run at the same time cost
    about the same: heaviest item first, each to the pass with the least so far (longest processing time first,
    Graham 1969). A pass is empty where there are fewer items than ranks.
    """
    order = sorted(range(len(costs)), key=lambda i: (-costs[i], i))
    rounds = max(1, -(-sum(costs) // (ranks * limit)))
    while True:
        loads, bins = [0] * (ranks * rounds), [[] for _ in range(ranks * rounds)]  # type: list[int], list[list[int]]
        for item in order:
            lightest = loads.index(min(loads))
            loads[lightest] += costs[item]
            bins[lightest].append(item)
        if max(loads) <= limit or rounds * ranks >= len(costs):
            break
        rounds += 1
    heaviest_first = sorted(range(len(bins)), key=lambda b: (-loads[b], b))
    return [[sorted(bins[heaviest_first[p * ranks + r]]) for p in range(rounds)] for r in range(ranks)]


def hinted(number: int, share: float, seed: int, step: int) -> list[bool]:
    """Which of the pictures of a step nano is given a hint for: each with a chance of `share`."""
    return [bool(told) for told in np.random.default_rng([seed, step]).random(number) < share]


def _groups(example: Example, order: Sequence[int], limits: Limits) -> Iterator[list[int]]:
    """Branches in their order, cut where a tree would have too many of them or too many tokens."""
    group: list[int] = []
    length = example.prefix
    for index in order:
        tokens = len(example.tokens[index])
        if group and (len(group) == limits.questions or length + tokens > limits.tokens):
            yield group
            group, length = [], example.prefix
        group.append(index)
        length += tokens
    if group:
        yield group
