"""`finesight data mine`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finesight.data.mine.settings import MiningSettings

PICTURE = "mining.png"
SHOWN = 10
"""Lines that were skipped, written out; mining.json has them all."""


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight data`."""
    app.command(name="mine")(mine_)


def mine_(
    rollouts: Annotated[
        Path, typer.Argument(help="Scored rollouts: a file, or a folder of rollouts*.jsonl.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder to make a data folder of.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The data folder the rollouts were sampled from: its images are linked."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Choose from scored rollouts the questions worth training GRPO on; say what became of all others."""
    from rich.console import Console

    from finesight.data.atomic import write_bytes
    from finesight.data.mine.folder import mine_folder
    from finesight.train.bars import count_bar
    from finesight.ui.mining import mining_block
    from finesight.ui.mining_plot import draw_mining

    with count_bar() as watch:
        report, done = mine_folder(rollouts, out, _settings(settings), data, watch)
    if done or not (out / PICTURE).is_file():
        write_bytes(out / PICTURE, draw_mining(report))
    for skipped in report.skipped[:SHOWN]:
        print(f"skipped: {skipped}", file=sys.stderr)
    if not done:
        print(f"{out}: is of these rollouts and settings already; nothing done", file=sys.stderr)
    if not (out / "images").exists():
        print(f"{out}: has no images yet; --data DATA links them", file=sys.stderr)
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json")))
    else:
        console = Console()
        if not console.is_terminal:  # A file has no edge at which a table with all its reasons would be cut.
            console = Console(width=max(console.width, 100))
        console.print(mining_block(report))


def _settings(given: list[str] | None) -> MiningSettings:
    from finesight.config import load_config
    from finesight.data.mine.settings import MiningSettings

    arguments = given or []
    if arguments and "=" not in arguments[0]:
        return load_config(MiningSettings, Path(arguments[0]), arguments[1:])
    return load_config(MiningSettings, None, arguments)
