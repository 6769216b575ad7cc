"""How far a policy has moved: answers of the starting model, kept with what it said of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import torch

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.train.policy.groups import Lesson
from finesight.train.policy.learner import PolicyLearner
from finesight.train.policy.objective import k3
from finesight.train.run import PROBE


def keep_probe(run: Path, lessons: Sequence[Lesson]) -> None:
    """Keep the lessons of the first step that has any; those without log-probabilities are of no use."""
    told = [lesson for lesson in lessons if lesson.drawn and all(lesson.drawn)]
    if not told:
        return
    rows = (lesson._replace(picture=str(lesson.picture))._asdict() for lesson in told)  # type: ignore[arg-type]
    write_text(run / PROBE, "".join(json.dumps(row) + "\n" for row in rows))


def read_probe(run: Path) -> list[Lesson]:
    """What was kept; empty where nothing was.

    Raises:
        InputError: the file is damaged.
    """
    path = run / PROBE
    if not path.is_file():
        return []
    try:
        return [_lesson(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: damaged ({error}); remove it to go on without kl_start") from error


def moved(learner: PolicyLearner, probe: Sequence[Lesson], prefixes: Mapping[Path, int]) -> dict[str, float]:
    """kl_start: KL divergence from the starting model, in nats a token (k3, of answers it drew itself).

    The starting model need not be in memory for it.
    """
    batch = learner.batch(probe, prefixes)
    sums = torch.zeros(2, dtype=torch.float64, device=learner.ranks.device)
    for items, read in zip(batch.passes, learner.logprobs(batch), strict=True):
        told = [p for tree in items for lesson in tree.lessons for p in lesson.drawn]
        drawn = torch.tensor(list(chain.from_iterable(told)), device=read.device)
        if len(read) == len(drawn):  # a picture that is gone takes its pass out of the mean
            apart = k3(read[:, 0] - drawn).double().sum()
            sums += torch.stack([apart, torch.tensor(len(drawn), device=read.device).double()])
    total, tokens = learner.ranks.total(sums).tolist()
    return {"kl_start": total / tokens} if tokens else {}


def _lesson(row: dict[str, list[list[int]]]) -> Lesson:
    return Lesson(
        Path(str(row["picture"])),
        tuple(row["question"]),  # type: ignore[arg-type]
        tuple(map(tuple, row["answers"])),
        tuple(row["advantages"]),  # type: ignore[arg-type]
        tuple(map(tuple, row["drawn"])),
    )
