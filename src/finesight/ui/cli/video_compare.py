"""`finesight video compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from finesight.schema.verdict import Evidence
    from finesight.video.evidence import Watch

REJECTED = 3
LimitsFile = Annotated[
    Path | None, typer.Option(help="TOML file of limits on top of the shipped ones (docs/acceptance.md).")
]


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(compare)


def compare(
    source: Annotated[Path, typer.Argument(help="The file as it was.")],
    processed: Annotated[Path, typer.Argument(help="What was made of it.")],
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the source's analysis: its shots, and its plan where there is one."),
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(help="Folder of an analysis of PROCESSED; findings are compared with --run's."),
    ] = None,
    limits: LimitsFile = None,
    ffmpeg: Annotated[
        str | None, typer.Option("--ffmpeg", help="Path of an ffmpeg with libvmaf; else imageio-ffmpeg's.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print evidence and verdict as one JSON object.")
    ] = False,
) -> None:
    """Judge a processed video against its source, shot by shot; exit code 3 when it is rejected."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from finesight.ui.verdict import verdict_block
    from finesight.video.acceptance import judge
    from finesight.video.limits import load_limits

    allowed = load_limits(limits)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        found = _evidence(source, processed, (run, after), ffmpeg, watcher(bar))
    verdict = judge(found, allowed)
    if as_json:
        typer.echo(f'{{"evidence":{found.model_dump_json()},"verdict":{verdict.model_dump_json()}}}')
    else:
        print_wide(verdict_block(verdict))
    if verdict.outcome == "rejected":
        raise typer.Exit(REJECTED)


def print_wide(block: object) -> None:
    """Print a block of tables; a file has no edge at which they would be cut."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=max(console.width, 160), highlight=False)
    console.print(block)


def _evidence(
    source: Path, processed: Path, runs: tuple[Path | None, Path | None], ffmpeg: str | None, watch: Watch
) -> Evidence:
    from finesight.errors import ConfigError
    from finesight.video.capability import default_cache
    from finesight.video.evidence import evidence, measure_pair
    from finesight.video.ffmpeg import load_runner
    from finesight.video.folder import read_timeline
    from finesight.video.plan_file import PLAN, read_plan

    run, after = runs
    if after and not run:
        raise ConfigError(
            "--after needs --run: without the source's findings there is nothing to compare with"
        )
    before = read_timeline(run) if run else None
    seen_after = read_timeline(after) if after else None
    plan = read_plan(run) if run and (run / PLAN).exists() else None
    shots = [one.shot for one in before.shots] if before else []
    measured = measure_pair(source, processed, load_runner(ffmpeg), shots, default_cache(), watch)
    return evidence(measured, plan, before, seen_after)


def watcher(bar: Progress) -> Watch:
    """A bar for each thing that is done; of what has no known end it moves only."""
    from rich.progress import TaskID

    tasks: dict[str, TaskID] = {}

    def watch(what: str, done: float, total: float) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what)
        bar.update(tasks[what], completed=done, total=max(done, total) or None)

    return watch
