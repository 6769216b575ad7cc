"""`finesight video analyse`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from finesight.schema.picture import Outcome, Picture
    from finesight.video.analyse import Watch
    from finesight.video.settings import AnalysisSettings
    from finesight.video.showing import Diagnose


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(analyse)


def analyse(
    video: Annotated[Path, typer.Argument(help="The file; it is only read.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was cut off goes on.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder, hub id or server:URL; without it the default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the timeline as one JSON object.")] = False,
) -> None:
    """Say what is wrong with a video: its shots, their distortions with times, the key ones, the scores."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from finesight.model.diagnose import default_model
    from finesight.model.samplers import mark_of_weights
    from finesight.ui.timeline import diagnosed, timeline_block
    from finesight.video.analyse import analyse as analyse_video

    where = model or default_model()
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        timeline = analyse_video(
            video, out, lazily(where), _settings(settings), where, mark_of_weights(where), _watcher(bar)
        )
    for note in timeline.notes:
        print(f"{timeline.video.path}: {note}", file=sys.stderr)
    if as_json:
        typer.echo(timeline.model_dump_json())
    else:
        console = Console(highlight=False)
        if not console.is_terminal:  # A file has no edge at which a table would be cut.
            console = Console(width=max(console.width, 110), highlight=False)
        console.print(timeline_block(timeline))
    if not diagnosed(timeline):
        raise typer.Exit(1)


def _settings(given: list[str] | None) -> AnalysisSettings:
    from finesight.config import load_config
    from finesight.video.settings import AnalysisSettings

    arguments = given or []
    if arguments and "=" not in arguments[0]:
        return load_config(AnalysisSettings, Path(arguments[0]), arguments[1:])
    return load_config(AnalysisSettings, None, arguments)


def lazily(where: str) -> Diagnose:
    """A diagnoser that is loaded when the first frame is there: a file that is no video is told of at once."""
    from functools import cache

    from finesight.model.diagnose import Diagnoser, load_diagnoser

    @cache
    def loaded() -> Diagnoser:
        return load_diagnoser(where)

    def diagnose(pictures: Sequence[Picture]) -> list[Outcome]:
        return loaded().diagnose(pictures)

    return diagnose


def _watcher(bar: Progress) -> Watch:
    """A bar for each thing that is done; of what has no known end it moves only."""
    from rich.progress import TaskID

    tasks: dict[str, TaskID] = {}

    def watch(what: str, done: float, total: float) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what)
        bar.update(tasks[what], completed=done, total=max(done, total) or None)

    return watch
