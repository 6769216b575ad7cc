"""`finesight train` verbs: the recipes, each run from a TOML file and overrides, and what a run will take."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console

from finesight.ui.cli import train_pipeline

if TYPE_CHECKING:
    from finesight.data.merge.workload import PictureTokens
    from finesight.train.settings import SftConfig

app = typer.Typer(no_args_is_help=True)
train_pipeline.register(app)

Settings = Annotated[
    list[str] | None, typer.Argument(help="A TOML file first (may be left out), then key=value overrides.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Any sample or picture that cannot be used is an error.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved config and stop.")]
R = TypeVar("R", bound=BaseModel)


@app.callback()
def _noun() -> None:
    """Train models."""


@app.command()
def sft(
    settings: Settings = None, resume: Resume = False, strict: Strict = False, dry_run: DryRun = False
) -> None:
    """Supervised fine-tuning: samples in, model folder out; alone, or on many processes under torchrun."""
    from finesight.train.settings import SftConfig
    from finesight.train.sft import train_sft

    _run(config_of(SftConfig, settings), train_sft, resume, strict, dry_run)


@app.command()
def grpo(
    settings: Settings = None, resume: Resume = False, strict: Strict = False, dry_run: DryRun = False
) -> None:
    """Reinforcement learning by groups of answers: a trained model in, a better one out."""
    from finesight.train.grpo import train_grpo
    from finesight.train.policy.settings import GrpoConfig

    _run(config_of(GrpoConfig, settings), train_grpo, resume, strict, dry_run)


@app.command()
def rank(
    data: Annotated[Path, typer.Argument(help="Data folder with series: see `data synthesise --series`.")],
    out: Annotated[Path, typer.Argument(help="Model folder to write; it must not be there yet.")],
    model: Annotated[str | None, typer.Option(help="Folder of a nano; by default the one shipped.")] = None,
    penalty: Annotated[
        float | None, typer.Option(min=0, help="On the weights: the larger, the less the score is tilted.")
    ] = None,
    constancy: Annotated[
        float | None, typer.Option(min=0, help="On what tells clean scenes apart: the larger, the less does.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Learning to rank: series of one picture growing worse in, a nano whose score has them in order out."""
    from rich.progress import track

    from finesight.model.diagnose import default_model
    from finesight.train.rank import CONSTANCY, PENALTY, train_rank

    report = train_rank(
        data,
        out,
        model or default_model(),
        PENALTY if penalty is None else penalty,
        CONSTANCY if constancy is None else constancy,
        lambda pictures: track(pictures, "pictures", console=Console(stderr=True)),
    )
    for problem in report.skipped:
        print(f"skipped {problem}", file=sys.stderr)
    print(
        report.model_dump_json()
        if as_json
        else f"{report.series} series, {report.pairs} pairs: {report.ordered_before:.3f} in order before, "
        f"{report.ordered:.3f} now (each by a fit to other photographs)\n{out}"
    )


@app.command()
def estimate(
    settings: Settings = None,
    gpu: Annotated[str, typer.Option(help="What it is to run on; docs/estimate.md has the names.")] = "l20",
    gpus: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    utilisation: Annotated[float, typer.Option(help="Share of their peak that the run reaches.")] = 0.4,
    assume: Annotated[
        list[str] | None, typer.Option(help="A field of the recipe that is to be another: key=value.")
    ] = None,
    questions: Annotated[int | None, typer.Option(help="Questions there are; no data is read then.")] = None,
    images: Annotated[int | None, typer.Option(help="Pictures they are asked of.")] = None,
    prompts: Annotated[int | None, typer.Option(help="Prompts they are merged into.")] = None,
    question_tokens: Annotated[int | None, typer.Option(help="Mean tokens of a question.")] = None,
    answer_tokens: Annotated[int | None, typer.Option(help="Mean tokens of an answer.")] = None,
    image_tokens: Annotated[int | None, typer.Option(help="Mean tokens of a picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tokens, FLOPs, memory and hours of `sft` with these settings, in three layouts of the data."""
    from finesight.train import estimate as estimates
    from finesight.train.settings import SftConfig
    from finesight.ui.estimate import estimate_block

    config = config_of(SftConfig, settings)
    machine = _checked(estimates.Machine, {"gpu": gpu, "gpus": gpus, "utilisation": utilisation})
    size = estimates.size_of(config)
    recipe = _checked(estimates.Recipe, estimates.recipe_of(config, size, gpus).model_dump(), assume or [])
    shape = {
        "questions": questions,
        "images": images,
        "prompts": prompts,
        "question_tokens": question_tokens,
        "answer_tokens": answer_tokens,
        "image_tokens": image_tokens,
    }
    pictures = _pictures(config, {name: number for name, number in shape.items() if number is not None})
    works = estimates.layouts(pictures, config.questions, encoded_once=recipe.keeps_features(size))
    found = estimates.estimate(config.model or "finesight-nano", size, works, recipe, machine)
    if as_json:
        print(found.model_dump_json())
    else:
        Console().print(estimate_block(found))


def config_of(kind: type[R], settings: list[str] | None) -> R:
    """The settings of a TOML file, if the first argument is one, and of key=value overrides."""
    from finesight.config import load_config

    arguments = settings or []
    if arguments and "=" not in arguments[0]:
        return load_config(kind, Path(arguments[0]), arguments[1:])
    return load_config(kind, None, arguments)


def _run(
    config: R, recipe: Callable[[R, bool, bool], Path], resume: bool, strict: bool, dry_run: bool
) -> None:
    """Run a recipe and print the model folder, or only what its settings are."""
    if dry_run:
        print(config.model_dump_json(indent=2))
        return
    model = recipe(config, resume, strict)
    if os.environ.get("RANK", "0") == "0":
        print(model)


def _checked(kind: type[R], values: dict[str, Any], overrides: list[str] | None = None) -> R:
    """Values and key=value overrides as a record, with the complaints of a config."""
    from finesight.config import load_config

    given = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    return load_config(kind, None, [*given, *(overrides or [])])


def _pictures(config: SftConfig, shape: dict[str, int]) -> Iterator[PictureTokens]:
    """Token counts of the pictures that options describe, or of those in the config's data folder."""
    from finesight.errors import InputError
    from finesight.train.estimate import IMAGE_TOKENS, DataShape, pictures_of_samples, pictures_of_shape
    from finesight.train.examples import read_folder

    if shape.keys() - {"image_tokens"}:
        return pictures_of_shape(_checked(DataShape, shape))
    try:
        samples = list(read_folder(config.data))
    except InputError as error:
        raise InputError(f"{error}; or describe the data: --questions and --images") from error
    return pictures_of_samples(samples, shape.get("image_tokens", IMAGE_TOKENS))
