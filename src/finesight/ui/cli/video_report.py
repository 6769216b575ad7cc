"""`finesight video report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(report)


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, wherever the run has come to.")],
    out: Annotated[Path | None, typer.Option(help="HTML file; without it report.html in the run.")] = None,
) -> None:
    """Write one offline page of a run: timeline, and every shot with before and after, reasons and checks."""
    if out and out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{out} does not end in .html", param_hint="--out")
    from rich.console import Console
    from rich.progress import Progress

    from finesight.ui.video_report import write_video_report

    path = out or run / "report.html"
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pictures of what was made", total=None)
        shots = write_video_report(run, path, lambda done, of: bar.update(task, completed=done, total=of))
    print(f"{path}: {shots} shots", file=sys.stderr)
