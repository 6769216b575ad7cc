"""The folder of a run: whose it is, and whether its run is done, half-way or not begun."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pydantic import BaseModel

from finesight.data.atomic import write_text
from finesight.errors import ConfigError
from finesight.train.checkpoint import CHECKPOINTS
from finesight.train.settings import RunSettings
from finesight.train.track import EVALUATION, METRICS

CONFIG = "config.json"
PROBE = "probe.jsonl"
"""Answers of the starting model to hold a policy against (see policy/start)."""
MINED = "mined"
"""What online mining has chosen (see policy/pool)."""
MACHINE_FIELDS = frozenset(
    {
        "tokens_per_pass",
        "gradient_checkpointing",
        "attention",
        "distribution",
        "cache",
        "cache_gb",
        "checkpoint_every",
        "keep",
        "trackers",
    }
)
"""Settings that say how a run is done and not what comes of it: a run may go on with others."""


def open_run(config: RunSettings, resume: bool) -> bool:
    """Make the run folder this run's, or see that it is already; returns whether the run is done.

    Raises:
        ConfigError: it holds another run, or this one half-way and `resume` was not said, or the model that
            the run is to start from.
    """
    run = config.out
    base = Path(config.model).resolve() if config.model else None
    if base and run.resolve() in (base, *base.parents):
        raise ConfigError(
            f"model: {base} lies in {run}, where the run would write over it; name another `out`"
        )
    begun = (run / CHECKPOINTS).is_dir()
    done = (run / "model" / "config.json").is_file()
    if (begun or done) and (others := differing(config)):
        raise ConfigError(
            f"{run}: holds a run with other settings ({', '.join(others)}); name another `out`, or remove it"
        )
    if done:
        return True
    if begun and not resume:
        raise ConfigError(f"{run}: holds this run half-way; go on with it by --resume, or remove it")
    run.mkdir(parents=True, exist_ok=True)
    write_text(run / CONFIG, config.model_dump_json(indent=2) + "\n")
    return False


def differing(config: BaseModel) -> list[str]:
    """Settings in which a run folder's config is another one, by name; empty where there is none.

    `out` may differ, as a folder may be moved.
    """
    path = Path(config.model_dump()["out"]) / CONFIG
    if not path.is_file():
        return []
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return [CONFIG]
    mine = config.model_dump(mode="json")
    names = (mine.keys() | there.keys()) - MACHINE_FIELDS - {"out"}
    return sorted(name for name in names if mine.get(name) != there.get(name))


def forget_run(run: Path) -> None:
    """Remove what a run left in its folder, but for the features it kept."""
    for name in ("model", "adapter", CHECKPOINTS, MINED):
        shutil.rmtree(run / name, ignore_errors=True)
    for name in (CONFIG, METRICS, EVALUATION, PROBE):
        (run / name).unlink(missing_ok=True)
