"""`finesight demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(demo)


def demo(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="key=value overrides, for example train_pictures=500 steps=200."),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of your photographs; without it those of installed packages.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
) -> None:
    """Make data, train nano for some minutes, score it on unseen photographs, write a report."""
    from rich.console import Console
    from rich.table import Table

    from finesight.config import load_config
    from finesight.ui.demo import CONTENDERS, DemoConfig, run_demo, table

    places = [f"out={json.dumps(str(out))}", *([f"photos={json.dumps(str(photos))}"] if photos else [])]
    scores, report = run_demo(load_config(DemoConfig, None, [*places, *(settings or [])]))
    if as_json:
        typer.echo(json.dumps({name: score.model_dump(mode="json") for name, score in scores.items()}))
        return
    shown = Table("on unseen photographs", *CONTENDERS, title="finesight demo")
    for row in table(scores):
        shown.add_row(*row)
    Console().print(shown)
    typer.echo(f"model   {out / 'run' / 'model'}\nreport  {report}")
