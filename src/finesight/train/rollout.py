"""Samples to rollout groups: several answers to each question, all questions of a picture asked together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from finesight.errors import InputError
from finesight.model.protocol import Completion, Request, Sampler
from finesight.schema.picture import Picture
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample

Indexed = tuple[int, Sample]
"""A sample with its place in its data."""


@dataclass(frozen=True)
class Rollout:
    """How samples are rolled out.

    seed: of the whole; see `question_seed`. together: answers after which a batch is closed; how many of them are
    written at a time is up to the sampler. ask: what is asked of a sample. score: gives groups their rewards. skip:
    hears what cannot be sampled, and why.
    """

    sampler: Sampler
    sampling: Sampling
    seed: int
    together: int = 32
    ask: Callable[[Sample], str] = lambda sample: sample.question
    score: Callable[[RolloutGroup], RolloutGroup] = lambda group: group
    skip: Callable[[Indexed, str], None] = lambda sample, reason: None

    def batches(
        self, samples: Iterable[Indexed], load: Callable[[str], Picture]
    ) -> Iterator[list[RolloutGroup]]:
        """The groups of samples, picture by picture in order of first appearance, as they are done.

        A group depends on its own sample, its index and the seed alone, not on what else there is.

        Args:
            load: the picture of a name; one that cannot be read (InputError) is skipped with its samples.
        """
        batch: list[tuple[Picture, list[Indexed]]] = []
        for image, own in by_picture(samples):
            try:
                picture = load(image)
            except InputError as error:
                for sample in own:
                    self.skip(sample, str(error))
                continue
            batch.append((picture, own))
            if sum(len(own) for _, own in batch) * self.sampling.samples >= self.together:
                yield list(self._groups(batch))
                batch = []
        if batch:
            yield list(self._groups(batch))

    def _groups(self, batch: Sequence[tuple[Picture, list[Indexed]]]) -> Iterator[RolloutGroup]:
        """The groups of pictures with their samples; those that are refused are skipped and leave the others be."""
        requests = [Request(picture, tuple(self.ask(s) for _, s in own)) for picture, own in batch]
        seeds = [[question_seed(self.seed, index) for index, _ in own] for _, own in batch]
        try:
            answers = self.sampler.sample(requests, self.sampling, seeds)
        except InputError as error:
            halves = list(_halves(batch))
            for half in halves:
                yield from self._groups(half)
            if not halves:
                self.skip(batch[0][1][0], str(error))
            return
        for (_, own), its, drawn in zip(batch, seeds, answers, strict=True):
            for sample, seed, completions in zip(own, its, drawn, strict=True):
                yield self.score(self._group(sample, seed, completions))

    def _group(self, sample: Indexed, seed: int, completions: Sequence[Completion]) -> RolloutGroup:
        return RolloutGroup(
            index=sample[0],
            sample=sample[1],
            model=self.sampler.name,
            seed=seed,
            sampling=self.sampling,
            answers=tuple(
                SampledAnswer(text=c.text, tokens=c.tokens, logprobs=c.logprobs, finished=c.finished)
                for c in completions
            ),
        )


def question_seed(seed: int, index: int) -> int:
    """The seed of the question of a sample, 0 .. 2^63 - 1: a hash, so that it hangs on nothing else."""
    digest = hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def by_picture(samples: Iterable[Indexed]) -> list[tuple[str, list[Indexed]]]:
    """Samples by the name of their picture, in order of first appearance."""
    found: dict[str, list[Indexed]] = {}
    for sample in samples:
        found.setdefault(sample[1].image, []).append(sample)
    return list(found.items())


def shard_of(samples: Iterable[Indexed], index: int, count: int) -> list[Indexed]:
    """The samples of part `index` (from 1) of `count`: all of every count-th picture."""
    return [sample for _, own in by_picture(samples)[index - 1 :: count] for sample in own]


def _halves(
    batch: Sequence[tuple[Picture, list[Indexed]]],
) -> Iterator[Sequence[tuple[Picture, list[Indexed]]]]:
    """Two batches of one of several pictures, or of one picture with several samples."""
    if len(batch) > 1:
        yield batch[: len(batch) // 2]
        yield batch[len(batch) // 2 :]
    elif len(batch[0][1]) > 1:
        picture, own = batch[0]
        yield [(picture, own[: len(own) // 2])]
        yield [(picture, own[len(own) // 2 :])]
