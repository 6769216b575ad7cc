"""`finesight video` verbs."""

from __future__ import annotations

import typer

from finesight.ui.cli import video_analyse

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _noun() -> None:
    """Verbs of this noun."""


video_analyse.register(app)
