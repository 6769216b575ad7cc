"""Chat requests as an OpenAI-compatible server takes them, and what of its reply is a completion."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from finesight.errors import ModelError
from finesight.model.dialects import Served, answer_seed
from finesight.model.protocol import Completion
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling
from finesight.schema.taxonomy import Level

ALTERNATIVES = 20
"""The most OpenAI's interface gives: enough to hold the other four levels where one is chosen."""
NEVER = -100.0
"""OpenAI's bias for a token that is not to be said; `transformers serve` takes no whole numbers."""


class Ask(NamedTuple):
    """Answers to draw: `answers` of a question, from number `first` on, of the random streams of `seed`."""

    prompt: str
    sampling: Sampling
    seed: int = 0
    first: int = 0
    answers: int = 1

    @property
    def greedy(self) -> bool:
        return self.sampling.temperature == 0


def data_url(picture: Picture) -> str:
    """The upright picture as a lossless data URL."""
    file = io.BytesIO()
    Image.fromarray(picture.rgb).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def chat_body(served: Served, image: str, ask: Ask, forbidden: Sequence[int] = ()) -> dict[str, Any]:
    """The JSON of a chat request.

    The picture stands before the question, so that what is cached of it serves all its questions.

    Args:
        image: data URL. forbidden: ids that must not be said.
    """
    dialect, sampling = served.dialect, ask.sampling
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": ask.prompt}]
    body: dict[str, Any] = {
        "model": served.name,
        "messages": [{"role": "user", "content": content}],
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_new_tokens,
        **dialect.fields,
        **dialect.settings(sampling),
    }
    if not ask.greedy:
        seed = ask.seed if dialect.many else answer_seed(ask.seed, ask.first)
        body |= {"top_p": sampling.top_p, "seed": seed}
    if ask.answers > 1:
        body["n"] = ask.answers
    if dialect.logprobs:
        body["logprobs"] = True
        if ask.greedy and dialect.alternatives:
            body["top_logprobs"] = ALTERNATIVES
    if forbidden and not dialect.forbids:
        body["logit_bias"] = {str(token): NEVER for token in forbidden}
    return body


class _Alternative(BaseModel):
    token: str
    logprob: float


class _Token(_Alternative):
    spelt: tuple[int, ...] | None = Field(default=None, alias="bytes")
    top_logprobs: tuple[_Alternative, ...] | None = None

    @property
    def raw(self) -> bytes:
        """The bytes of the token, which may be part of a character."""
        return self.token.encode() if self.spelt is None else bytes(self.spelt)


class _Logprobs(BaseModel):
    content: tuple[_Token, ...] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    index: int = 0
    logprobs: _Logprobs | None = None
    token_ids: tuple[int, ...] | None = None
    levels: tuple[float, ...] | None = None


class _Reply(BaseModel):
    choices: tuple[_Choice, ...]


def read_reply(reply: Any, count: int, where: str) -> list[Completion]:
    """The completions of a reply, in the order of their indices.

    Args:
        count: how many are wanted. where: the server, for messages.

    Raises:
        ModelError: not a chat completion, fewer answers than wanted, or one that was broken off.
    """
    try:
        choices = sorted(_Reply.model_validate(reply).choices, key=lambda choice: choice.index)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "reply"
        raise ModelError(f"{where}: not a chat completion: {field}: {first['msg']}") from error
    if len(choices) < count:
        raise ModelError(
            f"{where}: {len(choices)} answers came for n = {count}; ask for one at a time (many=False)"
        )
    return [_completion(choice, where) for choice in choices[:count]]


def _completion(choice: _Choice, where: str) -> Completion:
    if choice.finish_reason not in ("stop", "length"):
        raise ModelError(
            f"{where}: an answer was broken off (finish_reason {choice.finish_reason!r}); "
            "are weights updated, or the server stopped, while it is asked?"
        )
    text = choice.message.content or ""
    said = (choice.logprobs and choice.logprobs.content) or ()
    starts: tuple[int, ...] = ()
    # What the tokens spell goes on behind the text with the end token; where it is another text, it tells no places.
    spelt = list(accumulate((token.raw for token in said), initial=b""))
    if said and (whole := _decoded(spelt.pop())).startswith(text):
        text, starts = whole, tuple(len(_decoded(before)) for before in spelt)
    tokens, logprobs = choice.token_ids or (), tuple(token.logprob for token in said)
    if tokens and logprobs and len(tokens) != len(logprobs):
        raise ModelError(f"{where}: {len(tokens)} tokens came with {len(logprobs)} log-probabilities")
    levels = choice.levels or _levels(said)
    return Completion(text, starts, logprobs, levels, tokens, choice.finish_reason == "stop")


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _levels(said: Sequence[_Token]) -> tuple[float, ...] | None:
    """Probabilities of the five levels where the last one was chosen, if those of all five are told."""
    words = [f" {level.value}" for level in Level]
    for token in reversed(said):
        if token.token in words:
            told = {other.token: other.logprob for other in token.top_logprobs or ()}
            return _shares({**told, token.token: token.logprob}, words)
    return None


def _shares(told: Mapping[str, float], words: Sequence[str]) -> tuple[float, ...] | None:
    if not told.keys() >= set(words):
        return None
    weights = [math.exp(told[word]) for word in words]
    return tuple(weight / sum(weights) for weight in weights) if sum(weights) else None
