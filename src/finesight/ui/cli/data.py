"""`finesight data` verbs."""

from __future__ import annotations

import typer

from finesight.ui.cli import conversions, data_merge, data_mine, data_sets, data_synthesise

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _noun() -> None:
    """Verbs of this noun."""


data_sets.register(app)
data_synthesise.register(app)
data_merge.register(app)
data_mine.register(app)
app.command(name="conversions")(conversions.make)
