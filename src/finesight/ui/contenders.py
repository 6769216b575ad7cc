"""Who can be put to a bench: a model, or a baseline, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from finesight.data.folder import image_path
from finesight.data.images import load_picture
from finesight.schema.bench import BenchQuestion
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.sample import Subclass

Answers = list[tuple[BenchQuestion, str]]
Advance = Callable[[int], None]


class Baseline(Protocol):
    """Diagnoses a picture once and answers every question about it from that."""

    @property
    def name(self) -> str: ...

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]: ...

    def answer(
        self, question: BenchQuestion, diagnosis: Diagnosis, suspected: Sequence[Finding] = ()
    ) -> str: ...


class ByDiagnosis:
    """A model that is asked for one diagnosis a picture, from which every question about it is answered by rule."""

    def __init__(self, model: str) -> None:
        from finesight.model.diagnose import load_diagnoser

        self._diagnoser = load_diagnoser(model, crops=False)

    @property
    def name(self) -> str:
        return f"{self._diagnoser.name}, by its diagnosis"

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]:
        return self._diagnoser.diagnose(pictures)

    def answer(self, question: BenchQuestion, diagnosis: Diagnosis, suspected: Sequence[Finding] = ()) -> str:
        from finesight.baselines.answers import answer

        return answer(question, diagnosis, suspected)


def answers_of_baseline(
    baseline: Baseline, folder: Path, questions: Sequence[BenchQuestion], advance: Advance = lambda n: None
) -> Answers:
    """A baseline's answers to a bench, in the order of the questions.

    A diagnosis that cannot be read stands as it was said wherever it would have been the answer, and counts as
    unreadable there; choices get the first option.
    """
    texts: dict[BenchQuestion, str] = {}
    ordered = sorted(questions, key=lambda q: q.image)
    for image, asked in groupby(ordered, key=lambda q: q.image):
        (outcome,) = baseline.diagnose([load_picture(image_path(folder, image))])
        said = outcome.diagnosis or Diagnosis(content="", level=None)
        for question in asked:
            readable = outcome.diagnosis is not None or question.subclass is Subclass.MCQ
            texts[question] = baseline.answer(question, said, outcome.suspected) if readable else outcome.raw
        advance(1)
    return [(question, texts[question]) for question in questions]


def answers_of_model(
    model: str, folder: Path, questions: Sequence[BenchQuestion], advance: Advance = lambda n: None
) -> Answers:
    """A model's answers to a bench: a folder, a hub id, `scripted:FILE` or `server:URL#NAME`."""
    from finesight.model.bench import answer_bench
    from finesight.model.diagnose import load_diagnoser

    return answer_bench(load_diagnoser(model).generator, folder, questions, advance)


def make_baseline(name: str, train: Path | None) -> Baseline | None:
    """`classical`, or `constant` with its answers counted in the data folder `train`; None for other names.

    Raises:
        InputError: `constant` without a usable folder.
    """
    from finesight.baselines.classical import ClassicalDiagnoser
    from finesight.baselines.constant import ConstantDiagnoser
    from finesight.data.folder import read_folder
    from finesight.errors import InputError

    if name == "classical":
        return ClassicalDiagnoser()
    if name != "constant":
        return None
    if train is None:
        raise InputError("constant: name the training data its answers are counted in with --train")
    return ConstantDiagnoser.of(list(read_folder(train)))
