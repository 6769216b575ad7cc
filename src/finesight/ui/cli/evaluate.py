"""`finesight eval`: scores of predictions against their truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from finesight.errors import InputError
from finesight.ui.cli import conversions, eval_bench

if TYPE_CHECKING:
    from finesight.data.readers import Rating, Reading
    from finesight.scoring.correlation import Agreement
    from finesight.scoring.mipi import Indicators

app = typer.Typer(no_args_is_help=True)
eval_bench.register(app)
app.command(name="conversions")(conversions.evaluate)

SHOWN = 10
"""Reasons written out on a terminal; `--json` has them all."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


class Protocol(StrEnum):
    OFFICIAL = "official"
    STRICT = "strict"


@app.callback()
def _noun() -> None:
    """Score predictions against their truth."""


@app.command()
def mipi(
    predictions: Annotated[Path, typer.Argument(help="Folder of the three prediction files.")],
    reference: Annotated[Path, typer.Argument(help="Folder of the three truth files.")],
    protocol: Annotated[
        Protocol, typer.Option(help="The organisers' conventions, or ours.")
    ] = Protocol.OFFICIAL,
    as_json: Json = False,
) -> None:
    """The six indicators of the MIPI 2025 challenge and their sum.

    PREDICTIONS holds perception.json, grounding.json and description.json, REFERENCE mcq.json,
    reg-p_bench.json and bench_metadata.json.
    """
    from finesight.data.readers import read_reference, read_submission
    from finesight.scoring.mipi import score_official, score_strict

    for folder in (predictions, reference):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; give the one that holds the JSON files")
    scores: Indicators
    if protocol is Protocol.OFFICIAL:
        scores = score_official(predictions, reference)
    else:
        scores = score_strict(read_submission(predictions), read_reference(reference))
    if as_json:
        _print_json(scores.record())
    else:
        _show_mipi(scores.record())


@app.command()
def mos(
    predictions: Annotated[Path, typer.Argument(help="Table with the columns image and mos.")],
    truth: Annotated[Path, typer.Argument(help="Table with the columns image and mos.")],
    logistic: Annotated[bool, typer.Option("--logistic", help="Fit a curve before PLCC, RMSE.")] = False,
    as_json: Json = False,
) -> None:
    """Agreement of predicted with mean opinion scores: SRCC, PLCC, KRCC and RMSE with 95 % intervals."""
    from finesight.data.readers import read_mos
    from finesight.scoring.correlation import agreement

    said, real = read_mos(predictions), read_mos(truth)
    pairs, reasons = _paired(said, real, predictions, truth)
    figures = agreement([a for a, _ in pairs], [b for _, b in pairs], fitted=logistic)
    if as_json:
        values = {name: figure.model_dump(mode="json") for name, figure in figures.items()}
        _print_json(values | {"count": len(pairs), "skipped": len(reasons), "reasons": reasons})
    else:
        _show_mos(figures, len(pairs), reasons)


def _paired(
    said: Reading[Rating], real: Reading[Rating], predictions: Path, truth: Path
) -> tuple[list[tuple[float, float]], list[str]]:
    """Both scores of every picture in both tables, and what was left out."""
    ours, theirs = {r.image: r.mos for r in said}, {r.image: r.mos for r in real}
    reasons = [str(skipped) for skipped in (*said.skipped, *real.skipped)]
    reasons += [f"{truth}: {image} has no prediction" for image in theirs if image not in ours]
    reasons += [f"{predictions}: {image} is not in the truth" for image in ours if image not in theirs]
    pairs = [(ours[image], score) for image, score in theirs.items() if image in ours]
    if not pairs:
        raise InputError(f"{predictions} and {truth} have no image in common; compare their image columns")
    return pairs, reasons


def _print_json(record: dict[str, Any]) -> None:
    typer.echo(json.dumps(record, allow_nan=False))


def _show_mipi(record: dict[str, Any]) -> None:
    from finesight.scoring.mipi import INDICATORS

    intervals = record.get("intervals", {})
    table = Table(title=f"MIPI 2025, {record['protocol']} protocol")
    table.add_column("indicator")
    table.add_column("score", justify="right")
    if intervals:
        table.add_column("95 % interval", justify="right")
    for name in (*INDICATORS, "final"):
        row = [name.replace("_", " "), f"{record[name]:.4f}"]
        table.add_row(*row, *([_interval(intervals[name])] if intervals else []))
    console = Console()
    console.print(table)
    counts = [f"{record[name]} {name}" for name in ("unparsed", "skipped", "missing") if name in record]
    console.print(", ".join(counts))
    _show_reasons(record["reasons"])


def _show_mos(figures: dict[str, Agreement], count: int, reasons: list[str]) -> None:
    table = Table(title=f"{count} pictures")
    for column in ("metric", "value", "95 % interval", "better"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name, figure in figures.items():
        value = figure.reason or "" if figure.value is None else f"{figure.value:.4f}"
        table.add_row(name.upper(), value, _interval(figure.interval), _better(figure))
    Console().print(table)
    _show_reasons(reasons)


def _better(figure: Agreement) -> str:
    return "higher" if figure.higher_is_better else "lower"


def _interval(bounds: tuple[float, float] | list[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.4f} .. {bounds[1]:.4f}"


def _show_reasons(reasons: list[str]) -> None:
    for reason in reasons[:SHOWN]:
        # A name out of a foreign file may hold a lone surrogate, which no terminal prints.
        typer.echo(reason.encode("utf-8", "backslashreplace").decode(), err=True)
    if len(reasons) > SHOWN:
        typer.echo(f"... and {len(reasons) - SHOWN} more; --json has them all", err=True)
