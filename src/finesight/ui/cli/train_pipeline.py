"""`finesight train pipeline`."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finesight.data.stages import Outlook, Stage
    from finesight.train.pipeline_settings import PipelineConfig
    from finesight.ui.comparison import Comparison

REPORT, PAGE = "report.json", "report.html"


class Until(StrEnum):
    """The stages by name, in their order."""

    MERGE = "merge"
    BASE = "base"
    SFT = "sft"
    ROLLOUTS = "rollouts"
    MINE = "mine"
    GRPO = "grpo"
    EVAL = "eval"


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight train`."""
    app.command(name="pipeline")(pipeline)


def pipeline(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    until: Annotated[Until | None, typer.Option(help="Last stage to run.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Any sample or picture that cannot be used is an error.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be run and why, print the resolved config, stop."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """SFT and GRPO as one path: merge, SFT, rollouts, mining, GRPO, and what each was good for on a bench."""
    from finesight.train.pipeline import outlook, run_pipeline
    from finesight.train.pipeline_settings import PipelineConfig
    from finesight.ui.cli.train import config_of

    config = config_of(PipelineConfig, settings)
    if dry_run:
        for stage, seen in outlook(config, until):
            _tell(stage, seen)
        print(config.model_dump_json(indent=2))
        return
    stamps = run_pipeline(config, until, strict, _tell)
    if os.environ.get("RANK", "0") != "0":
        return
    from finesight.ui.comparison import gather

    found = gather(config, stamps)
    record = json.dumps(found.record(), allow_nan=False)
    if found.scores:
        _write(config, found, record)
    if as_json:
        typer.echo(record)
    else:
        _show(config, found)


def _tell(stage: Stage, seen: Outlook) -> None:
    print(f"{stage.name}: {'run' if seen.due else 'skipped'}, {seen.why}", file=sys.stderr)


def _write(config: PipelineConfig, found: Comparison, record: str) -> None:
    from finesight.data.atomic import write_text
    from finesight.ui.pipeline_page import write_page

    write_text(config.out / REPORT, record + "\n")
    write_page(config, found, config.out / PAGE)


def _show(config: PipelineConfig, found: Comparison) -> None:
    """The table of scores, if there are any yet, and the times."""
    from rich.console import Console
    from rich.table import Table

    from finesight.ui.comparison import main_table, time_table

    console = Console()
    if found.scores:
        shown = Table("", *found.scores, title="finesight train pipeline")
        for row in main_table(found):
            shown.add_row(*row)
        console.print(shown)
    times = Table("stage", "h:mm:ss", "starts")
    for row in time_table(found):
        times.add_row(*row)
    console.print(times)
    if found.scores:
        typer.echo(f"model   {list(found.models.values())[-1]}\nreport  {config.out / PAGE}")
