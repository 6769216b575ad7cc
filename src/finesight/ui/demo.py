"""The whole path on a laptop: photographs -> training data -> nano -> scores on unseen photographs -> report.

Every stage leaves its result in a folder of its own and is not repeated while its settings stay the same, so
a killed demo goes on, and a second run only looks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import Progress

from finesight.data.bench import QUESTIONS, read_questions, write_bench
from finesight.data.descriptions import read_descriptions
from finesight.data.folder import IMAGES, METADATA, SAMPLES, image_path, link_images, read_folder
from finesight.data.leaks import fingerprints, twins
from finesight.data.photos import package_photographs
from finesight.data.predictions import write_predictions
from finesight.data.questions import questions_of
from finesight.data.readers import write_samples
from finesight.data.readers.samples import COMBINED
from finesight.data.split import held_out
from finesight.data.stages import Source, Stage, do
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.data.synthesise.sources import find_photographs
from finesight.errors import InputError
from finesight.model.diagnose import SHIPPED_MODEL
from finesight.schema.picture import Outcome, Picture
from finesight.scoring.description import DescriptionScore, score_descriptions
from finesight.scoring.mipi import INDICATORS, score_official
from finesight.ui.contenders import Answers, answers_of_baseline, answers_of_model, make_baseline
from finesight.ui.stream import diagnose_files

SHIPPED, NANO, CLASSICAL, CONSTANT = "shipped", "nano", "classical", "constant"
CONTENDERS = (CONSTANT, CLASSICAL, NANO, SHIPPED)


class DemoConfig(BaseModel):
    """Sizes of the demo; the defaults fit twelve minutes on two cores, installation included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Path("demo")
    photos: Path | None = Field(default=None, description="folder of photographs; none: those of packages")
    test_share: float = Field(default=0.25, gt=0, lt=1, description="of the photographs")
    train_pictures: int = Field(default=3600, gt=0)
    test_pictures: int = Field(default=100, gt=0)
    size: int = Field(default=336, ge=96, description="long side of the pictures in pixels")
    dense_steps: int = Field(default=2000, ge=0, description="steps of nano's encoder alone")
    steps: int = Field(default=3000, gt=0, description="all steps")
    shown: int = Field(default=16, gt=0, description="bench pictures in the report, beside the photographs")
    workers: int = Field(default=os.cpu_count() or 1, gt=0)
    seed: int = 0


class Scores(BaseModel):
    """What the bench says of one contender."""

    official: dict[str, Any]
    descriptions: DescriptionScore


def run_demo(config: DemoConfig) -> tuple[dict[str, Scores], Path]:
    """Run every stage; the scores by contender, and the report."""
    talk = Console(stderr=True, highlight=False)
    out = config.out
    train, test, unseen = make_data(config, talk)
    with _stage(talk, "training nano"):
        model = train_nano(config, train)
    with _stage(talk, "answering the bench"):
        bench = make_bench(config, test)
        models = {NANO: model, SHIPPED: SHIPPED_MODEL}
        scores = {name: contend(name, models.get(name), bench, train, out, talk) for name in CONTENDERS}
    with _stage(talk, "diagnosing and reporting"):
        report = make_report(config, unseen, bench, scores)
    return scores, report


def make_data(config: DemoConfig, talk: Console) -> tuple[Path, Path, list[Path]]:
    """Training folder, test folder and the photographs of the test side.

    Raises:
        InputError: photographs that cannot be used, or two that show the same on both sides.
    """
    out = config.out
    with _stage(talk, "collecting photographs"):
        photos = find_photographs(config.photos) if config.photos else package_photographs(out / "photos")
        prints = fingerprints(photos, lambda _, error: _say_skipped(talk, str(error)), lambda: None)
        same = [(pair.first.name, pair.second.name) for pair in twins(prints)]
        test_names = held_out([p.name for p in photos], config.test_share, config.seed, same)
        unseen = [p for p in photos if p.name in test_names]
        seen = [p for p in photos if p.name not in test_names]
    sides = (("train", seen, config.train_pictures, 2), ("test", unseen, config.test_pictures, 3))
    with _stage(talk, "making training and test pictures"):
        for name, sources, count, offset in sides:
            recipe = SynthesisConfig(
                count=count, seed=10 * config.seed + offset, size=config.size, workers=config.workers
            )
            with _bar(talk, f"{name} pictures", count) as advance:
                report = synthesise(sources, out / name, recipe, advance)
            for photo, reason in report.skipped.items():
                _say_skipped(talk, f"{photo}: {reason}")
        do(_questions(config, out / "train"))
    return out / "train", out / "test", unseen


def train_nano(config: DemoConfig, data: Path) -> Path:
    """The model folder of a nano trained on `data`."""
    from finesight.model.nano.build import NanoSize
    from finesight.train.run import forget_run
    from finesight.train.settings import SftConfig
    from finesight.train.sft import train_sft

    settings = SftConfig(
        data=data,
        out=config.out / "run",
        nano=NanoSize(max_pixels=448 * 448),
        steps=config.steps,
        dense_steps=min(config.dense_steps, config.steps),
        batch=4,
        questions=3,
        draw="some",
        learning_rate=1.5e-3,
        subclass_weights={"assess": 3.0, "dist_detect": 3.0, "mcq": 0.5},
        checkpoint_every=200,
        seed=config.seed,
    )
    model = settings.out / "model"
    do(
        Stage(
            "train",
            folder=settings.out,
            work=lambda: train_sft(settings, resume=True),
            settings=settings.model_dump(mode="json"),
            reads=(Source(data / SAMPLES / COMBINED), Source(data / IMAGES, by_content=False)),
            makes=(model / "config.json",),
            forget=lambda: forget_run(settings.out),
        )
    )
    return model


def make_bench(config: DemoConfig, test: Path) -> Path:
    """The test pictures as a bench in the challenge's formats."""
    bench = config.out / "bench"

    def write() -> None:
        write_bench(list(read_folder(test)), bench, config.seed)
        link_images(bench, test)

    do(
        Stage(
            "bench",
            folder=bench,
            work=write,
            settings={"seed": config.seed},
            reads=(Source(test / METADATA),),
            makes=(bench / QUESTIONS,),
        )
    )
    return bench


def contend(name: str, model: Path | None, bench: Path, train: Path, out: Path, talk: Console) -> Scores:
    """Answers and scores of one contender; kept for as long as bench and model stay the same.

    Args:
        model: folder of one; None: the opponent of that name, which needs none.
    """
    folder = out / "predictions" / name
    questions = read_questions(bench / QUESTIONS)

    def answer() -> None:
        baseline = None if model else make_baseline(name, train)
        with _bar(talk, name, len({q.image for q in questions})) as advance:
            answers: Answers = (
                answers_of_baseline(baseline, bench, questions, advance)
                if baseline
                else answers_of_model(str(model), bench, questions, advance)
            )
        write_predictions(folder, answers)

    answering = model or train / METADATA
    do(Stage(name, folder, answer, reads=(Source(bench / QUESTIONS), Source(answering))))
    return Scores(
        official=score_official(folder, bench).record(),
        descriptions=score_descriptions(*read_descriptions(folder, bench)),
    )


def make_report(config: DemoConfig, unseen: list[Path], bench: Path, scores: dict[str, Scores]) -> Path:
    """The page: scores, training curve, and what the shipped nano says of unseen photographs and bench pictures."""
    from finesight.model.diagnose import load_diagnoser
    from finesight.train.track import read_metrics
    from finesight.ui.plots import training_curve
    from finesight.ui.report import Section, picture_px, write_report

    pictures = sorted({q.image for q in read_questions(bench / QUESTIONS)})[: config.shown]
    paths = [*unseen, *(image_path(bench, image) for image in pictures)]
    seen: Iterator[tuple[Outcome, Picture | None]] = diagnose_files(
        paths, load_diagnoser(str(SHIPPED_MODEL)), 8
    )
    sections = [
        Section(
            title="On photographs it has not seen",
            columns=("figure", *CONTENDERS),
            rows=table(scores),
            caption=f"{scores[NANO].descriptions.pictures} pictures with known distortions, higher is better; "
            f"{NANO} was trained here, {SHIPPED} comes with the package and says what is below",
        ),
        Section(title=f"Training of {NANO}", picture=training_curve(read_metrics(config.out / "run"))),
    ]
    report = config.out / "report.html"
    write_report(report, seen, title="finesight demo", sections=sections, side_px=picture_px(len(paths)))
    return report


def table(scores: dict[str, Scores]) -> list[tuple[str, ...]]:
    """Rows of figures, a column a contender: the six indicators, their sum, and what descriptions found."""
    names = (*INDICATORS, "final")
    rows = [(n.replace("_", " "), *(f"{scores[c].official[n]:.3f}" for c in CONTENDERS)) for n in names]
    for figure in ("type_f1", "box_f1", "severity_accuracy", "level_accuracy"):
        values = (getattr(scores[c].descriptions, figure) for c in CONTENDERS)
        rows.append((figure.replace("_", " "), *("-" if v is None else f"{v:.3f}" for v in values)))
    rows.append(("unparsed answers", *(str(scores[c].official["unparsed"]) for c in CONTENDERS)))
    return rows


def _questions(config: DemoConfig, folder: Path) -> Stage:
    samples = folder / SAMPLES
    return Stage(
        "questions",
        folder=samples,
        work=lambda: _ask(folder, config),
        settings={"seed": config.seed},
        reads=(Source(folder / METADATA),),
        makes=(samples / COMBINED,),
    )


def _ask(folder: Path, config: DemoConfig) -> None:
    samples = [s for a in read_folder(folder) for s in questions_of(a, config.seed)]
    if not samples:
        raise InputError(f"{folder}: no question can be asked of its pictures")
    write_samples(folder / "samples", samples)


@contextmanager
def _bar(talk: Console, title: str, total: int) -> Iterator[Callable[[int], None]]:
    with Progress(console=talk, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


def _say_skipped(talk: Console, what: str) -> None:
    talk.print(f"skipped {what}", markup=False)


@contextmanager
def _stage(talk: Console, title: str) -> Iterator[None]:
    began = time.monotonic()
    talk.print(f"[bold]{title}[/]")
    yield
    talk.print(f"  {time.monotonic() - began:.0f} s")
