"""The seam behind which a model answers: many questions of one picture in, completions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from finesight.schema.picture import Picture


class Request(NamedTuple):
    """One picture and the questions that branch off it."""

    picture: Picture
    prompts: tuple[str, ...]


class Completion(NamedTuple):
    """One answer.

    text: as generated, the end token included where it came. starts, logprobs: per token, where it begins in
    `text` and its log-probability (empty where the back end does not tell). levels: probabilities of the
    five quality levels from worst to best where the answer last chose one; None where it chose none.
    """

    text: str
    starts: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    levels: tuple[float, ...] | None = None


class Generator(Protocol):
    """Anything that answers requests: completions in the order of the requests and of their prompts."""

    @property
    def name(self) -> str: ...

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]: ...
