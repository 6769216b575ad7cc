"""`finesight data conversions` and `finesight eval conversions`: which HDR conversion suits a video."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from finesight.schema.hdr import Level
    from finesight.schema.sample import Sample
    from finesight.scoring.conversions import ConversionScore

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_GROUP = 16


def make(
    photos: Annotated[Path, typer.Argument(help="Folder of photographs.")],
    out: Annotated[Path, typer.Argument(help="Folder for OUT/train and OUT/test.")],
    count: Annotated[int, typer.Option(min=8, help="Sheets to make.")] = 2000,
    test_share: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Of the photographs and the sheets.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    as_json: Json = False,
) -> None:
    """Make sheets of frames whose dynamic range is known, with the question which HDR conversion suits them."""
    from rich.console import Console
    from rich.progress import Progress

    from finesight.data.conversions.make import make_sheets, split_photos
    from finesight.data.readers.samples import write_samples
    from finesight.data.synthesise.sources import find_photographs
    from finesight.errors import InputError

    found = find_photographs(photos)
    if len(found) < 2:
        raise InputError(f"{photos}: has one photograph; two at least are needed, one for the test")
    sides = split_photos(found, test_share, seed)
    tests = max(4, round(count * test_share))
    counts = {}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("sheets", total=count)
        for name, side, number in (("train", sides[0], count - tests), ("test", sides[1], tests)):
            samples = make_sheets(
                side, out / name, number, seed + (name == "test"), lambda n: bar.advance(task, n)
            )
            counts[name] = write_samples(out / name / "samples", samples)
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{n:7} {name}" for name, n in counts.items()))


def evaluate(
    data: Annotated[Path, typer.Argument(help="Data folder of `finesight data conversions`.")],
    model: Annotated[
        str | None,
        typer.Option(help="Model folder, hub id, server:URL or scripted:FILE to ask beside the rules."),
    ] = None,
    as_json: Json = False,
) -> None:
    """How often the rules, and a model, choose the conversion that suits; with 95 % intervals over photographs."""
    from rich.console import Console
    from rich.progress import track

    from finesight.data.folder import IMAGES
    from finesight.data.images import load_picture
    from finesight.scoring.conversions import score_conversions
    from finesight.ui.conversions import Chooser, asked, asking_model, by_rules

    samples, truth = _samples(data)
    choosers: dict[str, Chooser] = {"rules": by_rules}
    if model:
        choosers[model] = asked(asking_model(model))
    said: dict[str, list[Level | None]] = {name: [] for name in choosers}
    starts = range(0, len(samples), _GROUP)
    for start in track(starts, "sheets", console=Console(stderr=True), transient=True):
        sheets = [load_picture(data / IMAGES / one.image) for one in samples[start : start + _GROUP]]
        for name, chooser in choosers.items():
            said[name] += chooser(sheets)
    sources = [sample.source for sample in samples]
    scores = {name: score_conversions(truth, levels, sources) for name, levels in said.items()}
    if as_json:
        by = {name: score.model_dump(mode="json") for name, score in scores.items()}
        typer.echo(json.dumps({"sheets": len(samples), "by": by}))
    else:
        Console(width=120).print(_table(scores))


def _table(scores: Mapping[str, ConversionScore]) -> Table:
    from rich.table import Table

    from finesight.schema.hdr import Level

    table = Table("", "accuracy", "95 %", *Level, "unreadable")
    for name, score in scores.items():
        around = "{:.3f} to {:.3f}".format(*score.interval) if score.interval else "-"
        parts = [f"{score.by_level[level]:.2f}" if level in score.by_level else "-" for level in Level]
        table.add_row(name, f"{score.accuracy:.3f}", around, *parts, str(score.unreadable))
    return table


def _samples(data: Path) -> tuple[list[Sample], list[Level]]:
    from finesight.data.readers.samples import read_samples
    from finesight.errors import InputError
    from finesight.schema.hdr import Level
    from finesight.text.conversion import CANDIDATES, parse_conversion

    path = data / "samples" / "mcq.json"
    read = [(one, parse_conversion(one.answer)) for one in read_samples(path) if one.candidates == CANDIDATES]
    known = [(sample, level) for sample, level in read if isinstance(level, Level)]
    if not known:
        raise InputError(f"{path}: has no choice of a conversion; `finesight data conversions` makes some")
    return [sample for sample, _ in known], [level for _, level in known]
