"""`finesight doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finesight.ui.checkup import Check


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per check.")] = False,
) -> None:
    """Say what is installed, what is missing, and the line that installs it."""
    from pathlib import Path

    from finesight.ui.checkup import checkup

    checks = checkup(Path.cwd())
    if as_json:
        for check in checks:
            print(check.model_dump_json())
    else:
        _show(checks)
    if not all(check.ok for check in checks if check.required):
        raise typer.Exit(1)


def _show(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {True: Text("ok", style="green"), False: Text("missing", style="bold red")}
    optional = Text("optional", style="yellow")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in checks:
        mark = marks[check.ok] if check.ok or check.required else optional
        said = Text(check.found)
        if check.remedy:
            said.append(f"\n→ {check.remedy}", style="bold")
        table.add_row(mark, Text(check.name), said)
    Console(highlight=False).print(table)
    if all(check.ok for check in checks if check.required):
        Console(stderr=True).print("everything required is here", style="green")
