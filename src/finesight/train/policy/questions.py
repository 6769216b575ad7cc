"""Questions without their answers: what a policy is asked, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from finesight.data.folder import SAMPLES, image_path
from finesight.data.readers.samples import COMBINED
from finesight.errors import InputError
from finesight.model.load import LoadedModel
from finesight.schema.sample import Sample, Subclass
from finesight.text.thinking import thinking_prompt
from finesight.train.examples import CHUNK, Example, Watch, read_folder
from finesight.train.plan import Draw, Limits, every


@dataclass
class Asked(Example):
    """A picture with questions; `tokens` are those of the questions, up to where answers begin.

    samples: of each question, with the reference its answers are held against.
    """

    samples: list[Sample] = field(default_factory=list)

    def keep(self, indices: Sequence[int]) -> None:
        super().keep(indices)
        self.samples = [self.samples[i] for i in indices]


def prompt_of(sample: Sample, thinking: bool) -> str:
    """The text a model is given."""
    return thinking_prompt(sample.question) if thinking else sample.question


def read_questions(
    model: LoadedModel, folder: Path, thinking: bool, rewarded: Collection[Subclass], watch: Watch = iter
) -> tuple[list[Example], list[str]]:
    """The questions of a folder by picture, and what of it could not be used and why.

    Args:
        rewarded: subclasses that there is a reward for; others are left out, as nothing could be learnt from them.

    Raises:
        InputError: no samples file, or no usable question in it.
    """
    reading = read_folder(folder)
    without: Counter[Subclass] = Counter()

    def with_reward(samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            if sample.subclass in rewarded:
                yield sample
            else:
                without[sample.subclass] += 1

    asked, problems = ask_examples(model, folder, with_reward(watch(reading)), thinking)
    problems = [*map(str, reading.skipped), *problems]
    problems += [
        f"{n} questions of {name} have no reward: give one in own_rewards" for name, n in without.items()
    ]
    if not asked:
        first = problems[0] if problems else "it is empty"
        raise InputError(f"{folder / SAMPLES / COMBINED}: no question that can be asked ({first})")
    return list(asked), problems


def ask_examples(
    model: LoadedModel, folder: Path, samples: Iterable[Sample], thinking: bool
) -> tuple[list[Asked], list[str]]:
    """Samples as questions, one example a picture in order of first appearance; and why some are left out."""
    examples: dict[str, Asked] = {}
    problems: list[str] = []
    stream = iter(samples)
    while chunk := list(islice(stream, CHUNK)):
        for sample, tokens in zip(chunk, _tokens(model, chunk, thinking, problems), strict=True):
            if tokens is None:
                continue
            example = examples.setdefault(sample.image, Asked(image_path(folder, sample.image)))
            example.tokens.append(np.array(tokens, dtype=np.int32))
            example.answer_from.append(len(tokens))
            example.subclasses.append(sample.subclass)
            example.samples.append(sample)
    return list(examples.values()), problems


def _tokens(
    model: LoadedModel, samples: Sequence[Sample], thinking: bool, problems: list[str]
) -> Iterator[list[int] | None]:
    """Tokens of each question; None, and a problem, where it cannot be asked."""
    try:
        yield from model.ask([prompt_of(s, thinking) for s in samples])
    except InputError as error:
        if len(samples) == 1:
            problems.append(f"{samples[0].image}, sample {samples[0].id}: {error}")
            yield None
            return
        for sample in samples:
            yield from _tokens(model, [sample], thinking, problems)


class Order:
    """Which questions come when: epochs that ask every question once, from a place on that a checkpoint knows."""

    def __init__(self, examples: Sequence[Example], limits: Limits, seed: int) -> None:
        self._examples = examples
        self._limits = limits
        self._seed = seed
        self._epoch = -1
        self._draws: list[Draw] = []

    def take(self, cursor: tuple[int, int], count: int) -> tuple[list[Draw], tuple[int, int]]:
        """The next draws behind a place (epoch, draws of it that were taken), and the place behind them."""
        epoch, place = cursor
        taken: list[Draw] = []
        while len(taken) < count:
            draws = self._of(epoch)
            some = draws[place : place + count - len(taken)]
            taken += some
            epoch, place = (epoch, place + len(some)) if place + len(some) < len(draws) else (epoch + 1, 0)
        return taken, (epoch, place)

    def _of(self, epoch: int) -> list[Draw]:
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, epoch])
            self._epoch, self._draws = epoch, every(self._examples, self._limits, rng)
        return self._draws


def place_again(examples: Iterable[Asked], known: Mapping[Path, Example]) -> list[Asked]:
    """Give examples made anew of pictures that were looked at before what is known of those."""
    placed = []
    for example in examples:
        before = known[example.path]
        example.prefix, example.grid = before.prefix, before.grid
        placed.append(example)
    return placed
