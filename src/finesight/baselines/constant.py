"""The same answer to every picture: what a model has to beat to have seen anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from finesight.baselines.answers import answer
from finesight.errors import InputError
from finesight.schema.annotation import Annotation
from finesight.schema.bench import BenchQuestion
from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.sample import Sample, Subclass
from finesight.text.render import render_assess

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class ConstantDiagnoser:
    """Says `diagnosis` and `score` (1..5) of every picture and gives `letter` to every choice."""

    diagnosis: Diagnosis
    score: float
    letter: str
    name: str = "constant"

    @classmethod
    def of(cls, annotations: Sequence[Annotation], samples: Iterable[Sample] = ()) -> ConstantDiagnoser:
        """The most frequent type, its most frequent severity on the whole image, level, content and letter.

        Args:
            annotations: of the training pictures.
            samples: training samples, whose choices say which letter is right most often; without any, A.

        Raises:
            InputError: there is no distortion to count.
        """
        found = [d for a in annotations for d in a.distortions]
        if not found:
            raise InputError("a constant answer needs training pictures with distortions; synthesise some")
        type_ = _commonest(d.type for d in found)
        severity = _commonest(d.severity for d in found if d.type is type_)
        whole = Finding(type=type_, severity=severity, box=Box.of(0, 0, SCALE, SCALE), key=True)
        level = _commonest(a.level for a in annotations)
        letters = [s.answer[0] for s in samples if s.subclass is Subclass.MCQ]
        return cls(
            diagnosis=Diagnosis(
                content=_commonest(a.content for a in annotations), findings=(whole,), level=level
            ),
            score=sum(a.mos for a in annotations) / len(annotations),
            letter=_commonest(letters) if letters else "A",
        )

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """The same outcome for every picture."""
        return [
            Outcome(
                image=picture.path,
                width=picture.width,
                height=picture.height,
                diagnosis=self.diagnosis,
                score=self.score,
                model=self.name,
                raw=render_assess(self.diagnosis),
            )
            for picture in pictures
        ]

    def answer(self, question: BenchQuestion, diagnosis: Diagnosis, suspected: Sequence[Finding] = ()) -> str:
        """The letter to a choice, what the diagnosis says to anything else."""
        if question.subclass is Subclass.MCQ:
            return f"{self.letter}."
        return answer(question, diagnosis, suspected)


def _commonest(values: Iterable[T]) -> T:
    """The most frequent value, the first met of equals."""
    return Counter(values).most_common(1)[0][0]
