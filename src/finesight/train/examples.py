"""Samples to training examples: all questions of a picture together, tokenised once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from finesight.data.folder import SAMPLES, image_path
from finesight.data.readers import read_samples
from finesight.data.readers.reading import Reading
from finesight.data.readers.samples import COMBINED
from finesight.errors import ConfigError, InputError
from finesight.model.load import LoadedModel
from finesight.model.tree import Branch
from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.sample import Sample, Subclass
from finesight.text.choice import parse_choice
from finesight.text.parse import parse_assess, parse_detect

CHUNK = 4096
"""Samples that are tokenised in one call."""

Watch = Callable[[Reading[Sample]], Iterable[Sample]]
"""Passes samples on as they are read, and may show how far that is."""


@dataclass
class Example:
    """One picture with the branches that may be hung behind it.

    tokens: of each question with its answer; answer_from: where in them the answer begins; subclasses: of
    each; said: what the reference answers say of the picture, the labels of nano's dense head; None where they
    do not say. verdicts: of each what is to be said where its options end, (token, id); empty where none are
    learned. prefix: tokens of what stands before them, the picture included, and grid: its patches (time,
    height, width), once the picture has been looked at.
    """

    path: Path
    tokens: list[NDArray[np.int32]] = field(default_factory=list)
    answer_from: list[int] = field(default_factory=list)
    subclasses: list[Subclass] = field(default_factory=list)
    said: Diagnosis | None = None
    verdicts: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    prefix: int = 0
    grid: tuple[int, ...] = ()

    def branch(self, index: int) -> Branch:
        return Branch(self.tokens[index].tolist(), self.answer_from[index], told=self._told(index))

    def predicted(self, index: int) -> int:
        """Tokens of an answer, and verdicts on its options."""
        return len(self.tokens[index]) - self.answer_from[index] + len(self._told(index))

    def _told(self, index: int) -> tuple[tuple[int, int], ...]:
        return self.verdicts[index] if self.verdicts else ()

    def keep(self, indices: Sequence[int]) -> None:
        """Leave only some of the branches."""
        self.tokens = [self.tokens[i] for i in indices]
        self.answer_from = [self.answer_from[i] for i in indices]
        self.subclasses = [self.subclasses[i] for i in indices]
        self.verdicts = [self.verdicts[i] for i in indices] if self.verdicts else []


def read_folder(folder: Path) -> Reading[Sample]:
    """The samples of `folder/samples/combined.json`, one after the other.

    Raises:
        InputError: no such file.
    """
    file = folder / SAMPLES / COMBINED
    if not file.is_file():
        raise InputError(f"{file}: not found; `finesight data questions` writes it")
    return read_samples(file)


def make_examples(
    model: LoadedModel, folder: Path, samples: Iterable[Sample], verdicts: bool = False
) -> tuple[list[Example], list[str]]:
    """One example a picture, in order of first appearance, and what could not be used and why.

    Args:
        verdicts: whether options of choices are judged where they end (see `SftConfig.verdicts`).
    """
    examples: dict[str, Example] = {}
    problems: list[str] = []
    stream = iter(samples)
    while chunk := list(islice(stream, CHUNK)):
        judged = _verdicts(model, chunk) if verdicts else [()] * len(chunk)
        for sample, branch, told in zip(chunk, _branches(model, chunk, problems), judged, strict=True):
            if branch is None:
                continue
            example = examples.setdefault(sample.image, Example(image_path(folder, sample.image)))
            example.tokens.append(np.array(branch.ids, dtype=np.int32))
            example.answer_from.append(branch.answer_from)
            example.subclasses.append(sample.subclass)
            example.verdicts.append(told)
            if model.family.dense:
                example.said = _fuller(example.said, _said(sample))
    return list(examples.values()), problems


def read_examples(
    model: LoadedModel, folder: Path, watch: Watch = iter, verdicts: bool = False
) -> tuple[list[Example], list[str]]:
    """The examples of a folder, and what of it could not be used and why.

    Raises:
        InputError: no samples file, or no usable sample in it.
    """
    reading = read_folder(folder)
    examples, problems = make_examples(model, folder, watch(reading), verdicts)
    problems = [*map(str, reading.skipped), *problems]
    if not examples:
        raise InputError(f"{folder / SAMPLES / COMBINED}: no usable sample among {len(problems)} records")
    return examples, problems


def _branches(model: LoadedModel, samples: Sequence[Sample], problems: list[str]) -> Iterator[Branch | None]:
    """Tokens of each question and its answer; None, and a problem, where they cannot be told apart."""
    try:
        asked = model.ask([s.question for s in samples])
        answered = model.answer([s.answer for s in samples])
    except InputError as error:
        if len(samples) == 1:
            problems.append(f"{samples[0].image}, sample {samples[0].id}: {error}")
            yield None
            return
        for sample in samples:
            yield from _branches(model, [sample], problems)
        return
    for question, answer in zip(asked, answered, strict=True):
        yield Branch([*question, *answer], len(question))


def _verdicts(model: LoadedModel, samples: Sequence[Sample]) -> list[tuple[tuple[int, int], ...]]:
    """Of each sample what is to be said at the end of its options; nothing where it is no choice, or none of them is
    right.

    Raises:
        ConfigError: the tokenizer has no words for it.
    """
    words = model.verdict_tokens
    if words is None:
        raise ConfigError(f"verdicts: the tokenizer of {model.name} does not tell Yes, No and letters apart")
    choices = [s.question if s.subclass is Subclass.MCQ else "" for s in samples]
    told = []
    for sample, places in zip(samples, model.option_places(choices), strict=True):
        letter = parse_choice(sample.answer, len(places)) if places else None
        right = ascii_uppercase.index(letter) if isinstance(letter, str) else None
        told.append(
            () if right is None else tuple(zip(places, words.of_options(len(places), right), strict=True))
        )
    return told


def _said(sample: Sample) -> Diagnosis | None:
    """What an answer says of its whole picture, if it is one that does."""
    if sample.subclass is Subclass.ASSESS:
        said = parse_assess(sample.answer)
        return None if isinstance(said, ParseFailure) else said
    if sample.subclass is Subclass.DIST_DETECT:
        found = parse_detect(sample.answer)
        return None if isinstance(found, ParseFailure) else Diagnosis(content="", findings=found, level=None)
    return None


def _fuller(former: Diagnosis | None, other: Diagnosis | None) -> Diagnosis | None:
    """The one that says more: an assessment names the level and the key; of equals, the former."""
    if former is None or other is None:
        return former or other
    return other if other.level and not former.level else former
