"""From data folders to what a run trains and evaluates on; what cannot be used is named, counted, left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.progress import track as progress_bar

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.model.family import Visual
from finesight.model.load import LoadedModel
from finesight.train.examples import Example, Watch, read_examples
from finesight.train.features import FeatureStore
from finesight.train.learner import Data
from finesight.train.parts import keeps_features
from finesight.train.pictures import Pictures, Surveyed, pixels
from finesight.train.ranks import Ranks
from finesight.train.settings import RunSettings, SftConfig

T = TypeVar("T")

SKIPPED, FEATURES = "skipped.txt", "features"
_STANDARD_PICTURES = 500


Read = Callable[[LoadedModel, Path, Watch], tuple[list[Example], list[str]]]
"""Makes the examples of a folder, and says what of it could not be used and why."""


def prepare(
    config: SftConfig, model: LoadedModel, ranks: Ranks, strict: bool, say: Callable[[str], None]
) -> tuple[Data, Data | None]:
    """What to train on, and what to evaluate on if the config has it.

    Raises:
        InputError: nothing is usable, or with `strict` something is not.
    """
    found = look_through(config, model, ranks, strict, say, partial(read_examples, verdicts=config.verdicts))
    if model.family.dense and config.model is None:
        examples, pictures = found[0]
        with torch.no_grad():
            seen = [model.family.kept([pictures[e.path]])[0] for e in examples[:_STANDARD_PICTURES]]
        cells = torch.cat([features.cells for features in seen]).float()
        model.family.model.model.visual.encoder.standardise(cells.to(ranks.device))
    return found


def look_through(
    config: RunSettings,
    model: LoadedModel,
    ranks: Ranks,
    strict: bool,
    say: Callable[[str], None],
    read: Read,
) -> tuple[Data, Data | None]:
    """The examples of a run's folder that can be used, and of its held-out one; see `prepare`."""
    pictures = Pictures(_loader(config, model))
    examples, problems = _usable(config, model, ranks, pictures, read, config.data)
    held_out = None
    if config.eval_data:
        most = config.eval_pictures
        held, more = _usable(config, model, ranks, pictures, read, config.eval_data, most)
        held_out, problems = Data(held, pictures), problems + more
    _report(config.out, problems, strict, ranks, say)
    return Data(examples, pictures), held_out


def _loader(config: RunSettings, model: LoadedModel) -> Callable[[Path], Visual]:
    if not keeps_features(model.family):
        return pixels(model)
    most = 0.0 if config.cache == "none" else config.cache_gb * 1e9
    return FeatureStore(model, config.out / FEATURES if config.cache == "disk" else None, most)


def _usable(
    config: RunSettings,
    model: LoadedModel,
    ranks: Ranks,
    pictures: Pictures,
    read: Read,
    folder: Path,
    most: int | None = None,
) -> tuple[list[Example], list[str]]:
    """The examples of a folder that can be trained on, and why the others cannot."""
    examples, problems = read(model, folder, lambda samples: _watched(samples, "questions", ranks))
    examples = examples[:most]
    found = _survey(model, ranks, pictures, [e.path for e in examples])
    for example, surveyed in zip(examples, found, strict=True):
        example.prefix, example.grid = surveyed.prefix, surveyed.grid
        if surveyed.problem:
            problems.append(surveyed.problem)
            example.keep([])
        else:
            problems += _fit(example, config.tokens_per_tree)
    usable = [e for e in examples if e.tokens]
    if not usable:
        raise InputError(
            f"{folder}: none of its {len(examples)} pictures can be trained on; the first: {problems[0]}"
        )
    return usable, problems


def _survey(model: LoadedModel, ranks: Ranks, pictures: Pictures, paths: list[Path]) -> list[Surveyed]:
    """What is known of every picture; each rank looks at its share of them."""
    mine = paths[ranks.index :: ranks.count]
    looked = _watched(pictures.survey(model, mine), "pictures", ranks, len(mine))
    together = dict(ranks.gather(list(zip(mine, looked, strict=True))))
    return [together[path] for path in paths]


def _watched(things: Iterable[T], name: str, ranks: Ranks, total: int | None = None) -> Iterable[T]:
    """Things as they are read, with a bar on the main rank's stderr; without a total it tells their rate."""
    console = Console(stderr=True, quiet=not ranks.main)
    return progress_bar(things, total=total, description=f"reading {name}", console=console)


def _fit(example: Example, most: int) -> list[str]:
    """Leave out the questions that are too long with their picture alone; returns why."""
    lengths = [example.prefix + len(tokens) for tokens in example.tokens]
    long = [length for length in lengths if length > most]
    if long:
        example.keep([i for i, length in enumerate(lengths) if length <= most])
    return [
        f"{example.path}: a question takes {n} tokens with its picture, more than tokens_per_tree {most}"
        for n in long
    ]


def _report(run: Path, problems: list[str], strict: bool, ranks: Ranks, say: Callable[[str], None]) -> None:
    if strict and problems:
        first = "; ".join(problems[:5])
        raise InputError(f"{len(problems)} samples or pictures cannot be used: {first}; mend or remove them")
    for problem in problems:
        say(f"skipped {problem}")
    if problems:
        say(f"skipped {len(problems)} in all; {run / SKIPPED} has the list")
    if ranks.main:
        write_text(run / SKIPPED, "".join(f"{problem}\n" for problem in problems))
