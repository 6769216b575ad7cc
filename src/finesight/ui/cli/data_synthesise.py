"""`finesight data synthesise|pairs`: pictures with known distortions."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finesight.data.synthesise import SynthesisReport


class Balance(StrEnum):
    """How often each type is drawn."""

    PUBLISHED = "published"
    TEMPERED = "tempered"
    UNIFORM = "uniform"


class Variety(StrEnum):
    """How varied the pictures and their distortions are."""

    PLAIN = "plain"
    WIDE = "wide"
    FILM = "film"


def register(app: typer.Typer) -> None:
    """Add the verbs to `finesight data`."""
    app.command(name="synthesise")(synthesise_)
    app.command()(pairs)


def synthesise_(
    photos: Annotated[Path, typer.Argument(help="Folder of clean photographs.")],
    out: Annotated[Path, typer.Argument(help="Folder for the images and their metadata.json.")],
    count: Annotated[int, typer.Option(min=1, help="Images to make.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    size: Annotated[int, typer.Option(min=96, max=4096, help="Long side in pixels.")] = 448,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    balance: Annotated[
        Balance, typer.Option(help="Types as often as published, all alike, or between the two.")
    ] = Balance.PUBLISHED,
    variety: Annotated[
        Variety,
        typer.Option(
            help="Each type made in its one plain way; in many, of pictures of many sizes; or only what films suffer."
        ),
    ] = Variety.PLAIN,
    low_key: Annotated[
        float, typer.Option(min=0, max=1, help="Share of clean pictures that are mostly black, as at night.")
    ] = 0,
    clean_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of images left without distortion.")
    ] = 0.08,
    max_boxes: Annotated[int, typer.Option(min=1, max=11, help="Most distortions of one image.")] = 11,
    series: Annotated[
        bool, typer.Option("--series", help="Each picture four times, with more of one distortion each time.")
    ] = False,
    recursive: Annotated[bool, typer.Option(help="Take photographs from subfolders too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Make images with known distortions out of clean photographs."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from finesight.data.synthesise import SynthesisConfig, synthesise
    from finesight.data.synthesise.sources import find_photographs

    config = SynthesisConfig(
        count=count,
        seed=seed,
        size=size,
        workers=workers,
        balance=balance.value,
        variety=variety.value,
        low_key=low_key,
        clean_share=clean_share,
        max_boxes=max_boxes,
        series=series,
    )
    photographs = find_photographs(photos, recursive)
    columns = TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("images", total=count)
        report = synthesise(photographs, out, config, lambda n: bar.advance(task, n))
    for name, reason in report.skipped.items():
        print(f"skipped {name}: {reason}", file=sys.stderr)
    print(report.model_dump_json() if as_json else _summary(report, out))


def pairs(
    folder: Annotated[Path, typer.Argument(help="Folder of pairs NAME_real.* and NAME_mean.*.")],
    out: Annotated[Path, typer.Argument(help="Folder for the images and their metadata.json.")],
    count: Annotated[int, typer.Option(min=1, help="Images to make.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Make images with a camera's own noise out of noisy photographs and the means of their scenes."""
    import json
    from collections import Counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from finesight.data.synthesise.camera import find_pairs, make_of_pairs

    found = find_pairs(folder)
    columns = TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("images", total=count)
        made = make_of_pairs(found, out, count, seed, lambda n: bar.advance(task, n))
    severities = Counter(a.distortions[0].severity.value if a.distortions else "clean" for a in made)
    counts = {"pairs": len(found), "images": len(made), **severities}
    print(json.dumps(counts) if as_json else "\n".join(f"{n:7d} {name}" for name, n in counts.items()))


def _summary(report: SynthesisReport, out: Path) -> str:
    from finesight.data.synthesise.statistics import table

    return f"{table(report.statistics)}\n\n{out / 'metadata.json'}\n{out / 'contact_sheet.jpg'}"
