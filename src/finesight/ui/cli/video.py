"""`finesight video`: a video analysed, planned, treated shot by shot, and judged."""

from __future__ import annotations

import typer

from finesight.ui.cli import (
    video_accept,
    video_analyse,
    video_compare,
    video_feedback,
    video_hdr,
    video_plan,
    video_policy,
    video_process,
    video_report,
    video_run,
)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _noun() -> None:
    """Analyse a video shot by shot, choose what is done with it, do it, and judge what came of it."""


video_analyse.register(app)
video_plan.register(app)
video_process.register(app)
video_accept.register(app)
video_compare.register(app)
video_run.register(app)
video_hdr.register(app)
video_report.register(app)
video_feedback.register(app)
video_policy.register(app)
