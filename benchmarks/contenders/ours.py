"""finesight's engine on the same questions: as rows, merged into one prompt, and as trees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from contenders.lane import Job, Track
from finesight.data.folder import image_path
from finesight.data.images import load_picture
from finesight.data.merge.merging import Caps, merge
from finesight.data.merge.tokens import estimate_tokens
from finesight.model.family import ImageFeatures
from finesight.model.load import LoadedModel, load_model
from finesight.model.tree import Branch, Tree, lay_out
from finesight.model.vision import VisionInput
from finesight.schema.sample import Sample, Subclass
from finesight.train.examples import read_folder
from finesight.train.loss import answer_loss

KEPT = "-kept"
"""Ending of the contenders whose features are computed once, before training."""


class Group(NamedTuple):
    """A picture and what hangs behind it in one sequence."""

    path: Path
    samples: tuple[Sample, ...]


class Ready(NamedTuple):
    """The inputs of some sequences: pictures as pixels, questions and answers as tokens."""

    images: list[VisionInput]
    branches: list[list[Branch]]


def train_ours(job: Job, track: Track) -> None:
    """Train a contender of the job's name step by step."""
    model, optimizer = ready_to_train(job)
    groups = make_groups(job.contender.removesuffix(KEPT), list(read_folder(job.data)), job.data)
    batches = [groups[i : i + job.batch] for i in range(0, len(groups), job.batch)]
    answer_tokens = sum(_answer_tokens(model, g) for g in groups)
    kept = [_look(model, _prepare(model, b)) for b in batches] if job.contender.endswith(KEPT) else None
    track.watch(model.family.model)
    while track.wait():
        total = 0.0
        for number, batch in enumerate(batches):
            ready = _prepare(model, batch, pixels=kept is None)
            with track.part("step"):
                features = kept[number] if kept else _look(model, ready)
                loss = losses(model, features, ready.branches).sum() / answer_tokens
                loss.backward()
                total += loss.item()
        norms = track.gradients(model.family.model)
        with track.part("step"):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        track.finish(total, norms)


def ready_to_train(job: Job) -> tuple[LoadedModel, torch.optim.Optimizer]:
    """The model of a job with its vision tower frozen, and the optimiser of the rest."""
    model = load_model(job.model)
    model.family.tower.requires_grad_(False)
    model.family.train()
    trained = [p for p in model.family.parameters() if p.requires_grad]
    return model, torch.optim.AdamW(trained, lr=job.learning_rate, weight_decay=0.0, fused=True)


def losses(model: LoadedModel, features: Sequence[ImageFeatures], branches: Sequence[list[Branch]]) -> Tensor:
    """The loss of every answer token of a batch of trees: all of the model's interfaces that are measured."""
    prefixes = [model.prefix(f) for f in features]
    trees = [
        Tree(prefix, model.family.prefix_positions(prefix, [f.grid]), behind)
        for prefix, f, behind in zip(prefixes, features, branches, strict=True)
    ]
    return model.family(lay_out([trees]), features, read=answer_loss).read


def make_groups(contender: str, samples: Sequence[Sample], folder: Path) -> list[Group]:
    """What each contender lays out as one sequence; those of like length side by side, as padding is lost work."""
    if contender == "merge":
        samples = _one_prompt_each(samples)
    if contender == "tree":
        found = [tuple(group) for _, group in groupby(samples, key=lambda s: s.image)]
    else:
        found = [(sample,) for sample in samples]
    found.sort(key=lambda group: sum(len(s.question) + len(s.answer) for s in group))
    return [Group(image_path(folder, group[0].image), group) for group in found]


def count_tokens(data: Path, folder: Path) -> dict[str, dict[str, int]]:
    """Sequences, tokens and answer tokens of the data as rows, merged and as trees; nothing is padded here."""
    model, samples = load_model(folder), list(read_folder(data))
    counts = {}
    for contender in ("rows", "merge", "tree"):
        groups = make_groups(contender, samples, data)
        places = int(model.images(load_picture(groups[0].path)).grid.prod()) // 4
        prefix = len(model.chat.prefix(places))
        counts[contender] = {
            "sequences": len(groups),
            "image_tokens": places,
            "tokens": sum(prefix + sum(b.length for b in make_branches(model, g.samples)) for g in groups),
            "answer_tokens": sum(_answer_tokens(model, g) for g in groups),
        }
    return counts


def make_branches(model: LoadedModel, samples: Sequence[Sample]) -> list[Branch]:
    """Tokens of each question and its answer."""
    asked, answered = model.ask([s.question for s in samples]), model.answer([s.answer for s in samples])
    return [Branch([*ask, *answer], len(ask)) for ask, answer in zip(asked, answered, strict=True)]


def _prepare(model: LoadedModel, groups: Sequence[Group], pixels: bool = True) -> Ready:
    images = [model.images(load_picture(g.path)) for g in groups] if pixels else []
    return Ready(images, [make_branches(model, g.samples) for g in groups])


def _look(model: LoadedModel, ready: Ready) -> list[ImageFeatures]:
    with torch.no_grad():
        return model.family.features(ready.images)


def _answer_tokens(model: LoadedModel, group: Group) -> int:
    return sum(len(b.ids) - b.answer_from for b in make_branches(model, group.samples))


def _one_prompt_each(samples: Sequence[Sample]) -> list[Sample]:
    """All questions of a picture in one numbered prompt: the least that merging can cost.

    The product merges questions of one subclass only, so all are given the same.
    """
    alike = [sample.model_copy(update={"subclass": Subclass.QA}) for sample in samples]
    return merge(alike, estimate_tokens, Caps(questions=len(alike), tokens=10**6))
