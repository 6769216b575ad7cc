"""`finesight data photos`: what data sets are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs to `finesight data`."""
    app.command("photos")(photos)


def photos(out: Annotated[Path, typer.Argument(help="Folder to write the photographs into.")]) -> None:
    """Write the photographs that installed packages carry into OUT; what is there already stays."""
    from finesight.data.photos import package_photographs

    for path in package_photographs(out):
        typer.echo(path)
