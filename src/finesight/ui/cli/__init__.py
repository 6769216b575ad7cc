"""The `finesight` command. Each module here adds the verbs of one noun; heavy imports stay inside verbs."""

from __future__ import annotations

import sys

import typer

from finesight.errors import FinesightError
from finesight.ui.cli import (
    data,
    demo,
    diagnose,
    doctor,
    evaluate,
    export,
    plot,
    rollout,
    serve,
    train,
    video,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Says what is wrong with a picture, and why.",
)
diagnose.register(app)
demo.register(app)
doctor.register(app)
plot.register(app)
serve.register(app)
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(rollout.app, name="rollout")
app.add_typer(evaluate.app, name="eval")
app.add_typer(export.app, name="export")
app.add_typer(video.app, name="video")


def main() -> None:
    """Run the command line; a FinesightError becomes one line on stderr and exit code 1."""
    try:
        app()
    except FinesightError as error:
        print(f"finesight: {error}", file=sys.stderr)
        sys.exit(1)
