"""`finesight diagnose`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finesight.ui.words import Lang

if TYPE_CHECKING:
    from rich.console import Console

    from finesight.data.images import PictureError
    from finesight.schema.picture import Outcome, Picture

    Look = Callable[[Outcome, Picture | None], None]

_FEW = 4


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(diagnose)


def diagnose(
    files: Annotated[
        list[str], typer.Argument(help="Pictures, folders (searched to the bottom) or patterns.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Model folder, hub id or server:URL; without it the default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line and picture.")] = False,
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures with the findings drawn in.")] = None,
    report: Annotated[Path | None, typer.Option(help="HTML file that shows all of it.")] = None,
    lang: Annotated[Lang, typer.Option(help="Language of blocks, drawings and report.")] = "en",
    batch: Annotated[int, typer.Option(min=1, help="Pictures the model sees at a time.")] = 4,
    crops: Annotated[
        bool, typer.Option(help="Look at parts of large pictures in their own pixels too.")
    ] = True,
) -> None:
    """Say what is wrong with pictures: distortions with type, severity and box, the key one, the level."""
    if report and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} does not end in .html", param_hint="--report")
    from rich.console import Console

    from finesight.data.images import find_pictures
    from finesight.ui.report import picture_px, write_report

    talk = Console(stderr=True, highlight=False)
    paths, problems = find_pictures(files)
    failed: list[Outcome] = []
    looks = [_printing(as_json, lang), _collecting(failed)]
    if draw:
        looks.append(_drawing(draw, paths, lang))
    seen = _looked_at(_outcomes(paths, problems, model, batch, crops, talk), looks)
    if report:
        write_report(report, seen, lang=lang, side_px=picture_px(len(paths)))
    else:
        for _ in seen:
            pass
    _conclude(talk, len(paths) + len(problems), failed, draw, report)


def _outcomes(
    paths: list[Path], problems: list[PictureError], model: str | None, batch: int, crops: bool, talk: Console
) -> Iterator[tuple[Outcome, Picture | None]]:
    """What comes of every file, then of the arguments that stood for none."""
    from finesight.ui.stream import diagnose_files, failure

    if paths:  # torch is not worth loading for nothing
        from finesight.model.diagnose import load_diagnoser

        yield from _with_progress(
            diagnose_files(paths, load_diagnoser(model, crops), batch), len(paths), talk
        )
    for problem in problems:
        yield failure(problem), None


def _with_progress(
    stream: Iterable[tuple[Outcome, Picture | None]], total: int, talk: Console
) -> Iterator[tuple[Outcome, Picture | None]]:
    """The stream, with a bar where nothing else moves: results that scroll by show progress enough."""
    from rich.console import Console
    from rich.progress import track

    hidden = total <= _FEW or not talk.is_terminal or Console().is_terminal
    yield from track(stream, "diagnosing", total=total, console=talk, disable=hidden, transient=True)


def _looked_at(
    stream: Iterable[tuple[Outcome, Picture | None]], looks: list[Look]
) -> Iterator[tuple[Outcome, Picture | None]]:
    for outcome, picture in stream:
        for look in looks:
            look(outcome, picture)
        yield outcome, picture


def _printing(as_json: bool, lang: Lang) -> Look:
    """Shows outcomes on stdout as they come."""
    import json

    from rich.console import Console

    from finesight.ui.terminal import outcome_block

    console = Console(highlight=False)

    def show(outcome: Outcome, picture: Picture | None) -> None:
        if as_json:
            print(json.dumps(outcome.record()), flush=True)
        else:
            console.print(outcome_block(outcome, lang), soft_wrap=True)

    return show


def _collecting(failed: list[Outcome]) -> Look:
    def collect(outcome: Outcome, picture: Picture | None) -> None:
        if outcome.error is not None:
            failed.append(outcome)

    return collect


def _drawing(folder: Path, inputs: list[Path], lang: Lang) -> Look:
    """Writes `<name>.png` into the folder, never over an input and never twice under one name."""
    import io

    from PIL import Image

    from finesight.data.atomic import write_bytes
    from finesight.ui.draw import draw_overlay
    from finesight.ui.fonts import font_path

    font_path(lang)  # a missing font is to be known before the model has worked
    taken = {str(path.resolve()).lower() for path in inputs}

    def save(outcome: Outcome, picture: Picture | None) -> None:
        if picture is None or outcome.diagnosis is None:
            return
        target = _free_name(folder, Path(outcome.image).stem, taken)
        file = io.BytesIO()
        Image.fromarray(draw_overlay(picture, outcome, lang)).save(file, "PNG", compress_level=4)
        write_bytes(target, file.getvalue())

    return save


def _free_name(folder: Path, stem: str, taken: set[str]) -> Path:
    """`stem.png`, or `stem-2.png` and so on; file systems that ignore case are taken into account."""
    number = 1
    while True:
        target = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        key = str(target.resolve()).lower()
        if key not in taken:
            taken.add(key)
            return target
        number += 1


def _conclude(
    talk: Console, count: int, failed: list[Outcome], draw: Path | None, report: Path | None
) -> None:
    """Say on stderr what was written and what failed.

    Raises:
        typer.Exit: with code 1 where a file failed.
    """
    from rich.text import Text

    from finesight.ui.terminal import plain

    for what, where in (("drawings", draw), ("report", report)):
        if where:
            talk.print(Text(f"{what}: {where}"), soft_wrap=True)
    if failed:
        talk.print(Text(f"{len(failed)} of {count} failed:", style="bold red"))
        for outcome in failed:
            talk.print(Text(f"  {plain(outcome.image)}: {plain(outcome.error or '')}"), soft_wrap=True)
        raise typer.Exit(1)
