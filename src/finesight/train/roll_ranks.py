"""Rollouts of a data folder on all processes of a run: each samples its share of the shards."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from finesight.data.rollouts import Shard, score_again
from finesight.errors import InputError
from finesight.model.protocol import Sampler
from finesight.model.samplers import load_sampler
from finesight.scoring.rewards import load_rewards, score_group
from finesight.train.bars import groups_bar
from finesight.train.ranks import Ranks
from finesight.train.roll_folder import RolloutConfig, roll_folder
from finesight.train.settings import Precision


def roll_out(
    data: Path, out: Path, model: str, config: RolloutConfig, shards: int, precision: Precision
) -> None:
    """Sample and score what `out` does not have yet; all ranks come here, and leave when all are done.

    Raises:
        InputError: nothing was sampled, as none of the questions could be.
    """
    ranks = Ranks(precision=precision)
    console = Console(stderr=True, quiet=not ranks.main, soft_wrap=True, highlight=False)

    @cache
    def load() -> Sampler:
        return load_sampler(model, config.rows, str(ranks.device), precision == "bf16")

    watch = partial(groups_bar, console=console)
    groups = 0
    with ranks.apart():
        for number in range(ranks.index, shards, ranks.count):
            shard = Shard(index=number + 1, count=shards)
            done = roll_folder(data, out, model, config, lambda answered: load(), shard, watch)
            groups += done.sampled + done.before
            for what, reason in done.skipped.items():
                console.print(f"skipped {what}: {reason}", markup=False)
    if not sum(ranks.gather([groups])):
        raise InputError(f"{data}: no answer could be sampled; {out} says why in skipped*.txt")
    ranks.close()


def score_rollouts(out: Path, config: RolloutConfig) -> None:
    """Score anew what was sampled, with the rewards of the settings."""
    scored = partial(score_group, settings=config.reward, own=load_rewards(config.rewards))
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("scoring answers again", total=None)
        for _ in score_again(out, scored, config.scoring):
            bar.advance(task)
