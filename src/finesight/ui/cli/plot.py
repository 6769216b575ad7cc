"""`finesight plot`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(plot)


def plot(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to: .png, .svg, .pdf or .html; else curves.png in the first run."),
    ] = None,
    watch: Annotated[
        float | None, typer.Option(min=0.1, help="Draw again every so many seconds until the runs are done.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a run, and no picture.")] = False,
) -> None:
    """Draw the curves of training runs, also while they go on."""
    from finesight.errors import ConfigError
    from finesight.ui.curves import ENDINGS
    from finesight.ui.runs import read_runs

    if as_json:
        for run in read_runs(runs):
            print(json.dumps(run.summary()))
        return
    target = out or runs[0] / "curves.png"
    if target.suffix not in ENDINGS:
        raise ConfigError(f"{target}: unknown ending; choose one of {', '.join(ENDINGS)}")
    _draw(runs, target, watch)
    print(target)


def _draw(folders: list[Path], target: Path, watch: float | None) -> None:
    """Draw once, or time and again until all runs are done or the user has seen enough."""
    import time

    from finesight.data.atomic import write_bytes
    from finesight.ui.curves import draw_runs, page, picture
    from finesight.ui.runs import read_runs

    try:
        while True:
            runs = read_runs(folders)
            going = watch is not None and not all(run.done for run in runs)
            data = (
                page(runs, watch if going else None)
                if target.suffix == ".html"
                else picture(draw_runs(runs), target.suffix)
            )
            write_bytes(target, data)
            if not going or watch is None:
                return
            time.sleep(watch)
    except KeyboardInterrupt:
        return
