"""The seam behind which a model answers: many questions of one picture in, completions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from finesight.schema.diagnosis import Finding
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

if TYPE_CHECKING:
    from finesight.model.family import Visual


class Request(NamedTuple):
    """One picture and the questions that branch off it.

    picture: to the model in this process also as its pixel input, or as features that were kept, which do not go
    through the vision tower again.
    """

    picture: Picture | Visual
    prompts: tuple[str, ...]


class Completion(NamedTuple):
    """One answer.

    text: as generated, the end token included where it came. starts, logprobs: per token, where it begins in
    `text` and its log-probability (empty where the back end does not tell). levels: probabilities of the
    five quality levels from worst to best where the answer last chose one, by the dense head of a model that has
    one, else by the words; None where it chose none.
    tokens: ids, the end token included where it came (empty where the back end does not tell); finished: whether the
    answer came to its end token. suspected: every type as the finding it would be, with the probability that the
    picture has it as confidence, by the dense head of a model that has one.
    """

    text: str
    starts: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    levels: tuple[float, ...] | None = None
    tokens: tuple[int, ...] = ()
    finished: bool = True
    suspected: tuple[Finding, ...] = ()


class Generator(Protocol):
    """Anything that answers requests: completions in the order of the requests and of their prompts."""

    @property
    def name(self) -> str: ...

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]: ...


class Sampler(Protocol):
    """Anything that draws several answers to each question."""

    @property
    def name(self) -> str: ...

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        """`sampling.samples` completions of every prompt of every request, [request][prompt][n].

        Args:
            seeds: of every prompt; completion n of a prompt is drawn from the random stream (seed, n) alone, so that
                what it becomes does not depend on what else is sampled at the same time.
        """
        ...
