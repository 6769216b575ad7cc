"""`finesight data merge`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from finesight.data.merge.folder import MergeReport
    from finesight.schema.workload import Layout, Workload
    from finesight.train.estimate import Flops

SHOWN = 10
"""Reasons for skipped records, and for pictures without a size, written out; `--json` has them all."""

_ROWS = {
    "sequences": "sequences",
    "images": "images encoded",
    "patches": "vision patches",
    "tokens": "LM tokens",
    "attended": "attended pairs",
    "answers": "trained tokens",
}


class Mode(StrEnum):
    """How the questions of a picture are laid out."""

    MERGE = "merge"
    TREE = "tree"
    SEPARATE = "separate"


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight data`."""
    app.command(name="merge")(merge_)


def merge_(
    data: Annotated[Path, typer.Argument(metavar="IN", help="Data folder with samples/combined.json.")],
    out: Annotated[Path, typer.Argument(help="Folder to write samples/ into; images are linked.")],
    mode: Annotated[
        Mode, typer.Option(help="One numbered prompt, samples side by side, or back to single ones.")
    ] = Mode.MERGE,
    max_questions: Annotated[int, typer.Option(min=1, help="Most questions of a prompt.")] = 32,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of questions and answers.")] = 2048,
    image_tokens: Annotated[
        int, typer.Option(min=1, help="Of a picture whose file is not there (1200: about a megapixel).")
    ] = 1200,
    tokenizer: Annotated[
        str | None, typer.Option(help="Count with this model's tokenizer; else tokens are estimated.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Whose FLOPs are estimated: a published name, or a folder with a config.json.")
    ] = "Qwen2.5-VL-7B",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Put the questions of a picture together; say what an epoch costs separate, merged and as a tree."""

    from finesight.data.merge.folder import Counting, merge_folder
    from finesight.data.merge.merging import Caps
    from finesight.data.merge.tokens import estimate_tokens
    from finesight.train.bars import count_bar
    from finesight.train.estimate import find_size, flops

    size = find_size(model)
    counting = Counting(
        texts=_counter(tokenizer) if tokenizer else estimate_tokens,
        picture=_image_counter(data),
        unknown_picture=image_tokens,
    )
    caps = Caps(questions=max_questions, tokens=max_tokens)
    with count_bar() as watch:
        report = merge_folder(data, out, mode.value, counting, caps, watch)
    _complain("skipped", report.skipped)
    _complain("size unknown", report.unmeasured)
    costs = {layout: flops(size, work) for layout, work in report.workloads.items()}
    assumed = _assumed(report, tokenizer, image_tokens, model)
    if as_json:
        typer.echo(json.dumps(_record(report, costs, assumed)))
    else:
        _show(report, costs, assumed)


def _complain(title: str, complaints: Sequence[object]) -> None:
    for complaint in complaints[:SHOWN]:
        print(f"{title}: {complaint}", file=sys.stderr)
    if len(complaints) > SHOWN:
        print(f"... and {len(complaints) - SHOWN} more; --json has them all", file=sys.stderr)


def _counter(tokenizer: str) -> Callable[[list[str]], list[int]]:
    from finesight.model.count import token_counter

    return token_counter(tokenizer)


def _image_counter(data: Path) -> Callable[[int, int], int] | None:
    """Image tokens of a picture of (width, height) under the default resize policy; None without pictures."""
    from finesight.data.folder import IMAGES

    if not (data / IMAGES).is_dir():
        return None
    from finesight.model.resize import CELL_PX, ResizePolicy

    policy = ResizePolicy()

    def tokens(width: int, height: int) -> int:
        fitted_width, fitted_height = policy.fit(width, height)
        return fitted_width * fitted_height // CELL_PX**2

    return tokens


def _record(report: MergeReport, costs: dict[Layout, Flops], assumed: list[str]) -> dict[str, Any]:
    flops = {layout: cost.model_dump() for layout, cost in costs.items()}
    return report.model_dump(mode="json") | {"flops": flops, "assumed": assumed}


def _show(report: MergeReport, costs: dict[Layout, Flops], assumed: list[str]) -> None:
    from rich.console import Console

    console = Console()
    if report.workloads:
        console.print(_table(report.workloads, costs))
        for line in assumed:
            console.print(line, soft_wrap=True)
    console.print(f"{report.samples:,} samples written, {len(report.skipped):,} records skipped")


def _table(workloads: dict[Layout, Workload], costs: dict[Layout, Flops]) -> Table:
    """A row a quantity, a column a layout, behind each how many times less than separate it is."""
    from rich.table import Table

    separate = workloads["separate"]
    table = Table(title=f"{separate.questions:,} questions, one epoch")
    table.add_column("")
    for column in ("separate", "merge", "less", "tree", "less"):
        table.add_column(column, justify="right")
    for name, title in _ROWS.items():
        values = [getattr(workloads[layout], name) for layout in ("merge", "tree")]
        whole = getattr(separate, name)
        table.add_row(title, f"{whole:,}", *(cell for value in values for cell in _cells(value, whole)))
    spent, *less = (costs[layout].total for layout in ("separate", "merge", "tree"))
    table.add_row("FLOPs", f"{spent:.3g}", *(cell for value in less for cell in _cells(value, spent, ".3g")))
    return table


def _cells(value: float, whole: float, form: str = ",") -> tuple[str, str]:
    return f"{value:{form}}", f"{whole / value:.2f}x"


def _assumed(report: MergeReport, tokenizer: str | None, image_tokens: int, model: str) -> list[str]:
    """What the figures rest on."""
    if not report.workloads:
        return []
    texts = f"counted with the tokenizer of {tokenizer}" if tokenizer else "estimated (docs/merging.md)"
    unknown = report.pictures - report.measured
    return [
        f"text tokens {texts}",
        f"image tokens of {report.measured:,} pictures from their size, of {unknown:,} taken for {image_tokens:,}",
        f"FLOPs of training {model}, its vision tower frozen and run once a picture encoded",
        f"{report.alone:,} questions have more tokens than the cap and stand alone",
    ]
