"""`finesight video accept`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finesight.ui.cli.video_compare import LimitsFile, print_wide, watcher
from finesight.ui.cli.video_plan import Program, Rules

if TYPE_CHECKING:
    from finesight.schema.acceptance import Acceptance
    from finesight.video.accept import Judging
    from finesight.video.analyse import Watch
    from finesight.video.folder import RunRecord
    from finesight.video.showing import Diagnose
    from finesight.video.work import Work

REJECTED = 3
Store = Annotated[
    Path | None,
    typer.Option("--feedback", help="Store that attempts are added to; else RUN/feedback.sqlite."),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Chunks at a time; without it half the cores.")]


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(accept)


def accept(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run that is processed; acceptance.json is written there.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Model that looks again; without it that of the analysis.")
    ] = None,
    limits: LimitsFile = None,
    jobs: Jobs = None,
    store: Store = None,
    source: Annotated[
        Path | None, typer.Option(help="The file, if it is not where it was analysed; it is only read.")
    ] = None,
    rules: Rules = None,
    ffmpeg: Program = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what is written to acceptance.json, on one line.")
    ] = False,
) -> None:
    """Judge a processed run: weaken what goes too far, put back what is no better; exit code 3 when rejected."""
    from finesight.video.accept import accept as accept_run
    from finesight.video.feedback_store import remember
    from finesight.video.ffmpeg import load_runner
    from finesight.video.folder import read_record
    from finesight.video.plan_file import read_plan
    from finesight.video.process import read_processed
    from finesight.video.rule_files import load_rules
    from finesight.video.settings import ProcessSettings
    from finesight.video.work import begin

    plan = read_plan(run)
    settings = ProcessSettings.model_validate(read_processed(run).settings)
    record = read_record(run)
    with watching() as watch:
        how = judging(record, model, None, limits, jobs, watch)
        runner = load_runner(ffmpeg)
        work = begin(
            run,
            load_rules(rules).tools,
            runner,
            settings,
            source,
            lambda done, of: watch("reading times", done, of),
        )
        done = accept_run(work, plan, how)
    remember(run, plan, done, runner.version, store)
    show(done, work, as_json)


def judging(
    record: RunRecord,
    model: str | None,
    diagnose: Diagnose | None,
    limits: Path | None,
    jobs: int | None,
    watch: Watch,
) -> Judging:
    """How a run is judged, by the options of the command.

    Args:
        diagnose: the model, where it is loaded already.

    Raises:
        ConfigError: another model than that of the analysis, whose findings could not be compared.
    """
    from finesight.model.samplers import mark_of_weights
    from finesight.ui.cli.video_analyse import lazily
    from finesight.video.accept import Judging
    from finesight.video.capability import default_cache
    from finesight.video.limits import load_limits

    where = model or record.model
    weights = mark_of_weights(where)
    _check_model(record, where, weights)
    cores = max(1, (os.cpu_count() or 1) // 2)
    return Judging(
        load_limits(limits), diagnose or lazily(where), weights, default_cache(), jobs or cores, watch
    )


def show(done: Acceptance, work: Work, as_json: bool) -> None:
    """Print the verdict.

    Raises:
        Exit: with code 3 where it is rejected.
    """
    from finesight.ui.acceptance import acceptance_block

    if as_json:
        typer.echo(done.model_dump_json())
    else:
        print_wide(acceptance_block(done, work.run))
    if done.outcome == "rejected":
        raise typer.Exit(REJECTED)


@contextmanager
def watching() -> Iterator[Watch]:
    """Bars on stderr, one for each thing that is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield watcher(bar)


def _check_model(record: RunRecord, where: str, weights: str) -> None:
    from finesight.errors import ConfigError
    from finesight.model.diagnose import SCRIPTED

    if not weights and record.weights:
        raise ConfigError(f"{where}: the model of the analysis is not there; say where it is with --model")
    if weights != record.weights and not where.startswith(SCRIPTED):
        raise ConfigError(
            f"{where}: is not the model of the analysis ({record.model}), so that findings before and after could "
            "not be compared; leave --model away, or analyse with it into another folder"
        )
