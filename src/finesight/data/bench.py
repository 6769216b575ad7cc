"""A test bench in the challenge's file formats: truth files and the questions put to a model.

As in the challenge there are, for each picture, choices of all four concerns, region questions about regions
that hold a distortion, one detection and one description. Questions come from their own random stream, so
that no seed gives a bench a training question by design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from finesight.data.atomic import write_text
from finesight.data.predictions import finding_record, write_records
from finesight.data.questions.choices import MAKERS, Choice, choice_of
from finesight.data.questions.regions import region_of
from finesight.data.readers.challenge import CHOICES, PICTURES, REGIONS
from finesight.data.readers.metadata import write_metadata
from finesight.errors import InputError
from finesight.schema.annotation import Annotation
from finesight.schema.bench import BenchQuestion
from finesight.schema.box import Box
from finesight.schema.region import clipped
from finesight.schema.sample import Subclass
from finesight.text import prompts

QUESTIONS = "questions.jsonl"
REGIONS_PER_PICTURE = 2

Record = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The questions and, in the same order of ids, the truth about the choices and regions."""

    questions: tuple[BenchQuestion, ...]
    choices: tuple[Record, ...]
    regions: tuple[Record, ...]


def build_bench(annotations: Sequence[Annotation], seed: int) -> Bench:
    """The bench of annotated pictures, the same for the same seed; ids count up from 1 in each file."""
    choices = [(a, choice) for a in annotations for choice in _choices(a, seed)]
    regions = [(a, region) for a in annotations for region in _regions(a, seed)]
    questions = (
        *(_choice_question(i, a, choice) for i, (a, choice) in enumerate(choices, 1)),
        *(_region_question(i, a, region) for i, (a, region) in enumerate(regions, 1)),
        *(_whole_question(i, a, Subclass.DIST_DETECT) for i, a in enumerate(annotations, 1)),
        *(_whole_question(i, a, Subclass.ASSESS) for i, a in enumerate(annotations, 1)),
    )
    return Bench(
        questions=questions,
        choices=tuple(_choice_truth(i, a, choice) for i, (a, choice) in enumerate(choices, 1)),
        regions=tuple(_region_truth(i, a, region) for i, (a, region) in enumerate(regions, 1)),
    )


def bench_questions(annotations: Sequence[Annotation], seed: int) -> list[BenchQuestion]:
    """The questions of a bench in the order of the challenge: choices, regions, detections, descriptions."""
    return list(build_bench(annotations, seed).questions)


def write_bench(annotations: Sequence[Annotation], out: Path, seed: int) -> list[BenchQuestion]:
    """Write the three truth files and `questions.jsonl` into `out` and return the questions."""
    bench = build_bench(annotations, seed)
    write_metadata(out / PICTURES, annotations)
    write_records(out / CHOICES, bench.choices)
    write_records(out / REGIONS, bench.regions)
    lines = (question.model_dump_json(exclude_defaults=True) for question in bench.questions)
    write_text(out / QUESTIONS, "".join(f"{line}\n" for line in lines))
    return list(bench.questions)


def read_questions(path: Path) -> list[BenchQuestion]:
    """The questions `write_bench` wrote.

    Raises:
        InputError: the file is missing or holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [BenchQuestion.model_validate_json(line) for line in lines]
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}; write it with `finesight data bench`") from error


def _rng(annotation: Annotation, seed: int, kind: str) -> Random:
    return Random(f"bench|{seed}|{annotation.image}|{kind}")


def _choices(annotation: Annotation, seed: int) -> list[Choice]:
    diagnosis, rng = annotation.diagnosis(), _rng(annotation, seed, "choices")
    return [choice for concern in MAKERS if (choice := choice_of(concern, diagnosis, rng))]


def _regions(annotation: Annotation, seed: int) -> list[Box]:
    """Regions with a distortion only, as in the challenge; a clean picture has none."""
    findings = annotation.diagnosis().findings
    rng = _rng(annotation, seed, "regions")
    drawn = (region_of(findings, rng, empty=False) for _ in range(REGIONS_PER_PICTURE if findings else 0))
    return list(dict.fromkeys(region for region in drawn if region))


def _choice_question(number: int, annotation: Annotation, choice: Choice) -> BenchQuestion:
    return BenchQuestion(
        id=number,
        image=annotation.image,
        width=annotation.width,
        height=annotation.height,
        subclass=Subclass.MCQ,
        prompt=prompts.choice_prompt(choice.question, choice.candidates),
        question=choice.question,
        concern=choice.concern,
        candidates=choice.candidates,
    )


def _choice_truth(number: int, annotation: Annotation, choice: Choice) -> Record:
    return {
        "id": number,
        "concern": choice.concern,
        "question": choice.question,
        "image": annotation.image,
        "candidates": list(choice.candidates),
        "correct_ans": choice.correct,
    }


def _region_question(number: int, annotation: Annotation, region: Box) -> BenchQuestion:
    prompt = prompts.region_prompt(region)
    return BenchQuestion(
        id=number,
        image=annotation.image,
        width=annotation.width,
        height=annotation.height,
        subclass=Subclass.REG_PERCEPTION,
        prompt=prompt,
        question=prompt,
        region=region,
    )


def _region_truth(number: int, annotation: Annotation, region: Box) -> Record:
    return {
        "id": number,
        "image": annotation.image,
        "width": annotation.width,
        "height": annotation.height,
        "question": prompts.region_prompt(region),
        "distortions": [finding_record(f) for f in clipped(annotation.diagnosis().findings, region)],
    }


def _whole_question(number: int, annotation: Annotation, subclass: Subclass) -> BenchQuestion:
    prompt = prompts.detect_prompt() if subclass is Subclass.DIST_DETECT else prompts.assess_prompt()
    return BenchQuestion(
        id=number,
        image=annotation.image,
        width=annotation.width,
        height=annotation.height,
        subclass=subclass,
        prompt=prompt,
        question=prompt,
    )
