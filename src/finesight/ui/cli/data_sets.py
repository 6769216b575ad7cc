"""`finesight data photos|questions|split|join|bench`: from photographs to training and test data."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finesight.data.leaks import Fingerprint, Leak
    from finesight.schema.annotation import Annotation

Data = Annotated[Path, typer.Argument(help="Data folder: metadata.json beside images/.")]
Out = Annotated[Path, typer.Argument(help="Folder to write into.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `finesight data`."""
    for verb in (photos, questions, split, join, bench):
        app.command(verb.__name__)(verb)


def photos(out: Out) -> None:
    """Write the photographs that installed packages carry into OUT; what is there already stays."""
    from finesight.data.photos import package_photographs

    for path in package_photographs(out):
        typer.echo(path)


def questions(
    data: Data,
    out: Out,
    seed: Seed = 0,
    choices: Annotated[int, typer.Option(min=0, help="Most multiple-choice questions of a picture.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Ask the nine kinds of question of every picture of DATA; write them as LLaVA files into OUT."""
    from finesight.data.questions import PER_CLASS, questions_of
    from finesight.data.readers.samples import write_samples
    from finesight.schema.sample import Subclass

    per_class = {**PER_CLASS, Subclass.MCQ: choices}
    samples = [s for annotation in _annotations(data) for s in questions_of(annotation, seed, per_class)]
    write_samples(out, samples)
    _report({subclass.value: n for subclass, n in Counter(s.subclass for s in samples).items()}, as_json)


def split(
    data: Data,
    out: Out,
    test_share: Annotated[float, typer.Option(help="Share of the photographs for the test side.")] = 0.15,
    seed: Seed = 0,
    photographs: Annotated[
        Path | None,
        typer.Option("--photos", help="The photographs behind DATA: those that show the same stay together."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Split DATA by photograph into OUT/train and OUT/test, which link to its images.

    Test pictures that look like one of the training side are left out and listed.
    """
    from finesight.data import split as parts
    from finesight.data.folder import image_path, write_subset
    from finesight.data.images import find_pictures
    from finesight.data.leaks import leaks, twins

    annotations = _annotations(data)
    found, problems = find_pictures([photographs] if photographs else [])
    for problem in problems:
        print(f"skipped: {problem}", file=sys.stderr)
    same = [(pair.first.name, pair.second.name) for pair in twins(_fingerprints(found, "photographs"))]
    sides = parts.split(annotations, test_share, seed, same)
    train, test = (
        _fingerprints([image_path(data, a.image) for a in side], name)
        for side, name in ((sides.train, "training pictures"), (sides.test, "test pictures"))
    )
    leaking = leaks(train, test)
    # Of each picture the closest one.
    left_out = {leak.second: leak for leak in reversed(leaking)}
    for leak in reversed(left_out.values()):
        _say_leak(leak)
    kept = tuple(a for a in sides.test if image_path(data, a.image) not in left_out)
    write_subset(out / "train", sides.train, data)
    write_subset(out / "test", kept, data)
    _report({"train": len(sides.train), "test": len(kept), "left out of test": len(left_out)}, as_json)


def join(
    data: Annotated[list[Path], typer.Argument(help="Data folders, two or more.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    as_json: AsJson = False,
) -> None:
    """Make one data folder of several, which links to their images."""
    from finesight.data.join import join as joined

    _report({"pictures": len(joined(data, out))}, as_json)


def bench(data: Data, out: Out, seed: Seed = 0, as_json: AsJson = False) -> None:
    """Write a test bench of DATA in the challenge's formats into OUT: truth files and questions.jsonl."""
    from finesight.data.bench import write_bench
    from finesight.data.folder import link_images

    asked = write_bench(_annotations(data), out, seed)
    link_images(out, data)
    _report(dict(Counter(question.subclass.value for question in asked)), as_json)


def _annotations(data: Path) -> list[Annotation]:
    """The pictures of a data folder; records that cannot be used are listed on stderr."""
    from finesight.data.folder import read_folder
    from finesight.errors import InputError

    reading = read_folder(data)
    annotations = list(reading)
    for skipped in reading.skipped:
        print(f"skipped: {skipped}", file=sys.stderr)
    if not annotations:
        raise InputError(f"{data}: has no picture that can be used")
    return annotations


def _fingerprints(paths: list[Path], title: str) -> list[Fingerprint]:
    """Fingerprints of files with a progress bar; those that cannot be read are listed on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from finesight.data.leaks import fingerprints

    if not paths:
        return []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=len(paths))
        return fingerprints(
            paths, lambda _, error: print(f"skipped: {error}", file=sys.stderr), lambda: bar.advance(task)
        )


def _say_leak(leak: Leak) -> None:
    print(f"left out: {leak.second} is the {leak.kind} as {leak.first}", file=sys.stderr)


def _report(counts: dict[str, int], as_json: bool) -> None:
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{n:7d} {name}" for name, n in counts.items()))
