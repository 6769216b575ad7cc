"""`finesight video`: a video analysed, planned and treated shot by shot."""

from __future__ import annotations

import typer

from finesight.ui.cli import video_analyse, video_plan, video_process

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _noun() -> None:
    """Analyse a video shot by shot, choose what is done with it, and do it."""


video_analyse.register(app)
video_plan.register(app)
video_process.register(app)
