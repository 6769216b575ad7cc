"""`finesight video process`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finesight.ui.cli.video_plan import Program, Rules

if TYPE_CHECKING:
    from finesight.schema.plan import Plan
    from finesight.video.making import Watch
    from finesight.video.settings import ProcessSettings
    from finesight.video.work import Work

_CORES_OF_A_CHUNK = 2


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(process)


def process(
    run: Annotated[Path, typer.Argument(help="Folder of a run that is analysed and planned.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Chunks at a time; without it half the cores.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="The file, if it is not where it was analysed; it is only read.")
    ] = None,
    rules: Rules = None,
    ffmpeg: Program = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make one video by the plans of all shots; all else of the file is kept. The file itself is only read."""
    from finesight.ui.processed import processed_block
    from finesight.video.ffmpeg import load_runner
    from finesight.video.plan_file import read_plan
    from finesight.video.process import Process
    from finesight.video.rule_files import load_rules
    from finesight.video.work import begin, encoding_for, notes_of

    plan = read_plan(run)
    with _watching("reading times", 1.0) as reading:
        runner = load_runner(ffmpeg)
        work = begin(run, load_rules(rules).tools, runner, settings_of(settings), source, reading)
    encoding = encoding_for(work, plan)
    print(f"encoder: {shlex.join((*encoding.options, '-pix_fmt', encoding.pixel_format))}", file=sys.stderr)
    for note in notes_of(work, encoding):
        print(f"{work.source}: {note}", file=sys.stderr)
    if dry_run:
        _show_commands(work, plan, as_json)
        return
    with Process(work) as open_, _watching("processing", work.timeline.video.rate) as watch:
        done = open_.join(open_.make(plan, jobs or max(1, (os.cpu_count() or 1) // _CORES_OF_A_CHUNK), watch))
    if as_json:
        typer.echo(done.model_dump_json())
    else:
        _print(processed_block(done, run))


def commands_of(work: Work, plan: Plan) -> list[tuple[str, ...]]:
    """The words that ffmpeg would be told."""
    from finesight.video.chunks import with_files
    from finesight.video.process import CHUNKS, LIST
    from finesight.video.work import assembly_of, orders_of

    source = str(work.source)
    chunks = work.folder / CHUNKS
    commands = [
        with_files(order.commands[0], source=source, chunk=str(chunks / f"{order.key}.mp4"))
        for order in orders_of(work, plan)
    ]
    joined = with_files(
        assembly_of(work), list=str(work.folder / LIST), source=source, output=str(work.output)
    )
    return [*commands, joined]


def _show_commands(work: Work, plan: Plan, as_json: bool) -> None:
    """The commands as a shell takes them."""
    commands = commands_of(work, plan)
    if as_json:
        typer.echo(json.dumps({"commands": commands}))
    else:
        for command in commands:
            typer.echo(shlex.join(("ffmpeg", *command)))


def settings_of(given: list[str] | None) -> ProcessSettings:
    """The settings of processing: a TOML file first, then overrides."""
    from finesight.config import load_config
    from finesight.video.settings import ProcessSettings

    arguments = given or []
    if arguments and "=" not in arguments[0]:
        return load_config(ProcessSettings, Path(arguments[0]), arguments[1:])
    return load_config(ProcessSettings, None, arguments)


@contextmanager
def _watching(what: str, rate: float) -> Iterator[Watch]:
    """A bar on stderr: how many times faster than the video is shown, and how long it will take.

    Args:
        rate: of what is counted, as much is a second of the video.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[pace]}"))
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, pace="")

        def watch(done: float, of: float) -> None:
            speed = bar.tasks[0].speed
            told = (
                ""
                if not speed
                else f"{speed / rate:.1f}x"
                if rate == 1
                else f"{speed:.0f} fps, {speed / rate:.1f}x"
            )
            bar.update(task, completed=done, total=max(done, of), pace=told)

        yield watch


def _print(block: object) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    # A file has no edge at which lines would have to be broken.
    (console if console.is_terminal else Console(width=max(console.width, 200), highlight=False)).print(block)
