"""`finesight train` verbs: the recipes, each run from a TOML file and overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _noun() -> None:
    """Train models."""


@app.command()
def sft(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved config and stop.")] = False,
) -> None:
    """Supervised fine-tuning: samples in, model folder out. A killed run goes on when started again."""
    from finesight.config import load_config
    from finesight.train.sft import SftConfig, train_sft

    path, overrides = _settings(settings or [])
    config = load_config(SftConfig, path, overrides)
    if dry_run:
        print(config.model_dump_json(indent=2))
        return
    print(train_sft(config))


def _settings(arguments: list[str]) -> tuple[Path | None, list[str]]:
    if arguments and "=" not in arguments[0]:
        return Path(arguments[0]), arguments[1:]
    return None, arguments
