"""`finesight rollout`: several answers to each question of a data folder, sampled and scored."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from finesight.data.readers import Reading
    from finesight.data.rollouts import Shard
    from finesight.schema.rollout import RolloutGroup
    from finesight.scoring.rewards import RewardSettings
    from finesight.train.roll_folder import RolloutConfig

app = typer.Typer(no_args_is_help=True)

SHOWN = 10
"""Skipped samples that are written out; skipped.txt has them all."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Weights = Annotated[
    list[str] | None, typer.Option("--reward-weights", help="A field of the reward settings: key=value.")
]
Own = Annotated[
    list[str] | None,
    typer.Option("--rewards", help="A reward of your own: subclass=package.module:function."),
]


@app.callback()
def _noun() -> None:
    """Sample several answers to each question, and score them."""


@app.command()
def sample(
    data: Annotated[Path, typer.Argument(help="Data folder with images/ and samples/combined.json.")],
    out: Annotated[Path, typer.Argument(help="Folder for rollouts.jsonl; what is there goes on.")],
    model: Annotated[
        str | None, typer.Option(help="Model folder, hub id, server:URL or scripted:FILE; else the default.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers to a question.")] = 8,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest token.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="Likeliest tokens of this mass are drawn from.")] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="An answer is cut off there.")] = 512,
    thinking: Annotated[bool, typer.Option("--thinking", help="Ask for thoughts before the answer.")] = False,
    seed: Annotated[int, typer.Option(help="Of all random streams.")] = 0,
    subclasses: Annotated[str, typer.Option(help="Only these, with commas between.")] = "",
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only questions about so many pictures, drawn by seed.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many, from the first one.")] = None,
    shard: Annotated[str | None, typer.Option(help="Only part i of n: i/n. Under torchrun its rank.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Answers written at a time.")] = 32,
    device: Annotated[str | None, typer.Option(help="As torch names it; else a GPU if there is one.")] = None,
    bf16: Annotated[bool, typer.Option("--bf16", help="Weights in 16 bits.")] = False,
    reward_weights: Weights = None,
    rewards: Own = None,
    as_json: Json = False,
) -> None:
    """Sample answers to the questions of DATA into OUT and score them; killed, it goes on where it was."""
    from finesight.data.readers import read_rollouts
    from finesight.model.diagnose import default_model
    from finesight.model.samplers import load_sampler
    from finesight.train.bars import groups_bar
    from finesight.train.roll_folder import roll_folder

    where = model or default_model()
    sampling = {
        "samples": samples,
        "temperature": temperature,
        "top_p": top_p,
        "max_new_tokens": max_new_tokens,
    }
    chosen = [name.strip() for name in subclasses.split(",") if name.strip()]
    values = {"seed": seed, "thinking": thinking, "subclasses": chosen, "rows": rows}
    values |= {"pictures": pictures, "limit": limit}
    config = _config(values | {"sampling": sampling}, reward_weights, rewards)
    done = roll_folder(
        data,
        out,
        where,
        config,
        lambda answered: load_sampler(where, rows, device, bf16, answered),
        _shard(shard),
        groups_bar,
    )
    for what, reason in list(done.skipped.items())[:SHOWN]:
        print(f"skipped: {what}: {reason}", file=sys.stderr)
    counts = {"sampled": done.sampled, "before": done.before, "skipped": len(done.skipped)}
    _show(read_rollouts([done.file]), counts, as_json)


@app.command()
def score(
    out: Annotated[Path, typer.Argument(help="Folder of rollouts, or one file.")],
    reward_weights: Weights = None,
    rewards: Own = None,
    as_json: Json = False,
) -> None:
    """Score sampled answers anew, without a model, and say what they earned."""
    from functools import partial
    from itertools import chain

    from finesight.data.readers import Reading
    from finesight.data.rollouts import Scoring, score_again
    from finesight.scoring.rewards import load_rewards, score_group
    from finesight.train.bars import groups_bar

    settings = _reward_settings(reward_weights)
    named = _named(rewards)
    scored = partial(score_group, settings=settings, own=load_rewards(named))
    again = score_again(out, scored, Scoring(settings=settings.model_dump(), own=named))
    _show(Reading(chain.from_iterable(groups_bar(([group] for group in again), None))), {}, as_json)


def _show(reading: Reading[RolloutGroup], counts: dict[str, int], as_json: bool) -> None:
    """What groups earned, and what of their files cannot be read."""
    from rich.console import Console

    from finesight.scoring.rewards.tally import tally
    from finesight.ui.rollouts import rollout_table

    subclasses, whole = tally(reading)
    for skipped in reading.skipped[:SHOWN]:
        print(f"skipped: {skipped}", file=sys.stderr)
    counts = counts | {"unreadable": len(reading.skipped)}
    if as_json:
        earned = {kind.value: one.model_dump() for kind, one in subclasses.items()}
        typer.echo(json.dumps({**counts, "subclasses": earned, "all": whole.model_dump()}))
        return
    console = Console()
    console.print(rollout_table(subclasses, whole))
    console.print(", ".join(f"{count:,} {name}" for name, count in counts.items()))


def _config(values: dict[str, Any], weights: list[str] | None, own: list[str] | None) -> RolloutConfig:
    from finesight.config import load_config
    from finesight.train.roll_folder import RolloutConfig

    given = [f"{name}={json.dumps(value)}" for name, value in values.items() if value is not None]
    given += [f"reward.{weight}" for weight in weights or ()]
    return load_config(RolloutConfig, None, [*given, *(f"rewards.{one}" for one in own or ())])


def _named(own: list[str] | None) -> dict[str, str]:
    """subclass=package.module:function entries."""
    pairs = [entry.partition("=") for entry in own or ()]
    for subclass, equals, place in pairs:
        if not (subclass and equals and place):
            raise typer.BadParameter("write subclass=package.module:function", param_hint="--rewards")
    return {subclass: place for subclass, _, place in pairs}


def _reward_settings(weights: list[str] | None) -> RewardSettings:
    from finesight.config import load_config
    from finesight.scoring.rewards import RewardSettings

    return load_config(RewardSettings, None, weights or [])


def _shard(given: str | None) -> Shard:
    """Part i of n that `i/n` names, else that of this process under torchrun, else all."""
    from finesight.data.rollouts import Shard

    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    index, _, count = (given or f"{rank + 1}/{ranks}").partition("/")
    try:
        return Shard(index=int(index), count=int(count))
    except ValueError as error:  # pydantic's is one too
        raise typer.BadParameter(f"{given!r}: write i/n, 1/4 to 4/4", param_hint="--shard") from error
