"""`finesight eval answer|descriptions`: put a bench to a model or baseline; look at its descriptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from finesight.scoring.description import DescriptionScore

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `finesight eval`."""
    for verb in (answer, descriptions):
        app.command(verb.__name__)(verb)


def answer(
    bench: Annotated[Path, typer.Argument(help="Folder `finesight data bench` wrote.")],
    out: Annotated[Path, typer.Argument(help="Folder for the three prediction files.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model folder, hub id, server:URL, scripted:FILE, classical or constant; else the default."
        ),
    ] = None,
    train: Annotated[Path | None, typer.Option(help="Training data, for the constant baseline.")] = None,
    by_diagnosis: Annotated[
        bool,
        typer.Option(
            help="Ask a model for one diagnosis a picture, and answer every question from that by rule."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer the questions of BENCH and write perception.json, grounding.json and description.json."""
    from rich.console import Console
    from rich.progress import Progress

    from finesight.data.bench import QUESTIONS, read_questions
    from finesight.data.predictions import write_predictions
    from finesight.model.diagnose import default_model
    from finesight.ui.contenders import ByDiagnosis, answers_of_baseline, answers_of_model, make_baseline

    questions = read_questions(bench / QUESTIONS)
    name = model or default_model()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("pictures", total=len({q.image for q in questions}))
        baseline = make_baseline(name, train) or (ByDiagnosis(name) if by_diagnosis else None)
        if baseline:
            answers = answers_of_baseline(baseline, bench, questions, lambda n: bar.advance(task, n))
        else:
            answers = answers_of_model(name, bench, questions, lambda n: bar.advance(task, n))
    unparsed = write_predictions(out, answers)
    said = {"answers": len(answers), "unparsed": unparsed}
    typer.echo(json.dumps(said) if as_json else f"{len(answers)} answers, unparsed: {unparsed}\n{out}")


def descriptions(
    predictions: Annotated[Path, typer.Argument(help="Folder with description.json.")],
    bench: Annotated[Path, typer.Argument(help="Folder with bench_metadata.json.")],
    as_json: Json = False,
) -> None:
    """Type F1, box F1, severity and level accuracy of described pictures, with 95 % intervals."""
    from rich.console import Console
    from rich.table import Table

    from finesight.data.descriptions import read_descriptions
    from finesight.scoring.description import score_descriptions

    score = score_descriptions(*read_descriptions(predictions, bench))
    if as_json:
        typer.echo(score.model_dump_json())
        return
    table = Table("figure", "value", "95 % interval", title=f"descriptions of {score.pictures} pictures")
    for name, interval in score.intervals.items():
        value = getattr(score, name)
        shown = "-" if value is None else f"{value:.3f}"
        table.add_row(
            name.replace("_", " "), shown, f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-"
        )
    table.add_row("undescribed", str(score.undescribed), "")
    console = Console(width=120)
    console.print(table)
    console.print(_by_type(score))


def _by_type(score: DescriptionScore) -> Table:
    """Each type: in how many pictures it is, how it was named, and how its boxes were found."""
    from rich.table import Table

    columns = (
        "type",
        "pictures",
        "precision",
        "recall",
        "F1",
        "95 % interval",
        "boxes",
        "box F1",
        "95 % interval",
    )
    table = Table(*columns, title="by type")
    for kind, one in score.by_type.items():
        table.add_row(
            str(kind),
            str(one.pictures),
            *(f"{value:.2f}" for value in (one.precision, one.recall, one.f1)),
            _around(one.f1_interval),
            str(one.boxes),
            f"{one.box_f1:.2f}",
            _around(one.box_f1_interval),
        )
    return table


def _around(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "-"
