"""finesight's sampling and its objective: every answer a row of its own, or all of a picture in one tree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from contenders.answers import Group, endless, read_answers, reward
from contenders.lane import Job, Track
from contenders.ours import KEPT, ready_to_train
from finesight.data.images import load_picture
from finesight.model.family import Visual
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel
from finesight.model.protocol import Request
from finesight.model.tree import Branch, Tree, lay_out
from finesight.schema.rollout import Sampling
from finesight.train.policy.advantage import advantages
from finesight.train.policy.objective import (
    Drawn,
    ObjectiveSettings,
    Totals,
    objective,
    read_policy,
    token_weights,
)

ROWS = 64
"""Answers that are decoded at the same time: as many as in a run by default."""
OBJECTIVE = ObjectiveSettings(normalise="dapo")


class Lesson(NamedTuple):
    """A question with some answers and by how much each was better than the others."""

    group: Group
    answers: list[list[int]]
    advantages: list[float]


class Planting(NamedTuple):
    """What is laid out as one tree: a picture with lessons behind it."""

    picture: Path
    lessons: tuple[Lesson, ...]


def train_ours(job: Job, track: Track) -> None:
    """Sample and update as the contender of the job's name, step by step."""
    model, optimizer = ready_to_train(job)
    groups, longest = read_answers(job.data)
    kept = _features(model, groups) if job.contender.endswith(KEPT) else None
    plantings = make_plantings(job.contender.removesuffix(KEPT), groups)
    generator = TreeGenerator(endless(model), rows=ROWS)
    sampling = Sampling(samples=len(plantings[0].lessons[0].answers), max_new_tokens=longest)
    totals = Totals(
        len(groups) * len(groups[0].answers), sum(len(a) for g in groups for a in g.answers), longest
    )
    track.watch(model.family.model)
    while track.wait():
        seen = _see(model, plantings, kept)
        with track.part("rollout"):
            sample(generator, plantings, seen, sampling)
        total = 0.0
        for start in range(0, len(plantings), job.batch):
            end = start + job.batch
            with track.part("update"):
                loss = policy_loss(model, plantings[start:end], seen[start:end], totals)
                loss.backward()
                total += loss.item()
        norms = track.gradients(model.family.model)
        with track.part("update"):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        track.finish(total, norms)


def sample(
    generator: TreeGenerator, plantings: Sequence[Planting], seen: Sequence[Visual], sampling: Sampling
) -> None:
    """Draw as many answers as there are to learn from, all as long as they may be."""
    requests = [
        Request(picture, tuple(lesson.group.question for lesson in planting.lessons))
        for planting, picture in zip(plantings, seen, strict=True)
    ]
    # Rows to one question are told apart by their seeds.
    seeds = [[1000 * n + i for i in range(len(r.prompts))] for n, r in enumerate(requests)]
    generator.sample(requests, sampling, seeds)


def policy_loss(
    model: LoadedModel, plantings: Sequence[Planting], seen: Sequence[Visual], totals: Totals
) -> Tensor:
    """The share of some trees in the loss of a step, on policy."""
    trees = []
    for planting, picture in zip(plantings, seen, strict=True):
        prefix = model.prefix(picture)
        positions = model.family.prefix_positions(prefix, [picture.grid])
        branches = [Branch.asked(lesson.group.asked, lesson.answers) for lesson in planting.lessons]
        trees.append(Tree(prefix, positions, branches))
    layout = lay_out([trees])
    # TRL's log-probabilities are of the whole vocabulary; ours leave out what is never sampled, but not here.
    read = partial(read_policy, temperature=1.0, forbidden=torch.tensor([], dtype=torch.long))
    now, _entropy = model.family(layout, seen, None, read).read.unbind(1)
    better = torch.tensor([a for p in plantings for lesson in p.lessons for a in lesson.advantages])
    weights = token_weights(layout.owner, OBJECTIVE.normalise, totals)
    return objective(Drawn(now, now.detach(), better[layout.owner], layout.owner, weights), OBJECTIVE).loss


def make_plantings(contender: str, groups: Sequence[Group]) -> list[Planting]:
    """What each contender lays out as one tree."""
    found = advantages([[reward(answer) for answer in group.answers] for group in groups])
    lessons = [Lesson(group, group.answers, better) for group, better in zip(groups, found, strict=True)]
    if contender == "tree":
        behind = groupby(lessons, key=lambda lesson: lesson.group.picture)
        return [Planting(picture, tuple(some)) for picture, some in behind]
    return [
        Planting(lesson.group.picture, (Lesson(lesson.group, [answer], [better]),))
        for lesson in lessons
        for answer, better in zip(lesson.answers, lesson.advantages, strict=True)
    ]


def _see(model: LoadedModel, plantings: Sequence[Planting], kept: dict[Path, Visual] | None) -> list[Visual]:
    """The picture of every tree as the model takes it; read anew for each, but where features are kept."""
    if kept:
        return [kept[planting.picture] for planting in plantings]
    return [model.images(load_picture(planting.picture)) for planting in plantings]


def _features(model: LoadedModel, groups: Sequence[Group]) -> dict[Path, Visual]:
    with torch.no_grad():
        return {
            path: model.family.features([model.images(load_picture(path))])[0]
            for path in {group.picture for group in groups}
        }
