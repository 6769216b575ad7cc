"""Samples to training examples: all questions of a picture together, tokenised, with their dense labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from finesight.data.folder import SAMPLES, image_path
from finesight.data.readers import Skipped, read_samples
from finesight.data.readers.samples import COMBINED
from finesight.errors import InputError
from finesight.model.load import LoadedModel
from finesight.model.tree import Branch
from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.sample import Sample, Subclass
from finesight.text.parse import parse_assess, parse_detect


class Example(NamedTuple):
    """One picture with the branches that may be hung behind it.

    said: what its reference answers say of it, the labels of the dense head; None where they do not say.
    """

    path: Path
    branches: tuple[Branch, ...]
    subclasses: tuple[Subclass, ...]
    said: Diagnosis | None


def read_folder(folder: Path) -> tuple[list[Sample], list[Skipped]]:
    """The samples of `folder/samples/combined.json`, and what was skipped in it.

    Raises:
        InputError: no such file, or no usable sample in it.
    """
    file = folder / SAMPLES / COMBINED
    if not file.is_file():
        raise InputError(f"{file}: not found; `finesight data questions` writes it")
    reading = read_samples(file)
    samples = list(reading)
    if not samples:
        raise InputError(f"{file}: no usable sample among {len(reading.skipped)} records")
    return samples, reading.skipped


def make_examples(model: LoadedModel, folder: Path, samples: Iterable[Sample]) -> list[Example]:
    """One example a picture, in order of first appearance."""
    samples = list(samples)
    branches = make_branches(model, samples)
    by_image: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        by_image.setdefault(sample.image, []).append(index)
    return [
        Example(
            path=image_path(folder, image),
            branches=tuple(branches[i] for i in group),
            subclasses=tuple(samples[i].subclass for i in group),
            said=_said([samples[i] for i in group]),
        )
        for image, group in by_image.items()
    ]


def make_branches(model: LoadedModel, samples: Sequence[Sample]) -> list[Branch]:
    """Tokens of each question and its answer, closed by the end token; all texts in one tokenizer call."""
    asked = model.ask([s.question for s in samples])
    answered = model.answer([s.answer for s in samples])
    return [
        Branch([*question, *answer], len(question)) for question, answer in zip(asked, answered, strict=True)
    ]


def _said(samples: Sequence[Sample]) -> Diagnosis | None:
    for sample in samples:
        if sample.subclass is Subclass.ASSESS:
            said = parse_assess(sample.answer)
            if not isinstance(said, ParseFailure):
                return said
    for sample in samples:
        if sample.subclass is Subclass.DIST_DETECT:
            found = parse_detect(sample.answer)
            if not isinstance(found, ParseFailure):
                return Diagnosis(content="", findings=found, level=None)
    return None
