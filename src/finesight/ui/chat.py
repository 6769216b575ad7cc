"""What the chat of `finesight serve` takes and gives, field by field as OpenAI names them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from finesight.data.decode import Undecodable, decode
from finesight.errors import InputError
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

if TYPE_CHECKING:
    from finesight.model.answerer import Answered, Answerer, Question
    from finesight.model.protocol import Completion

MOST_ANSWERS, USUAL_TOKENS = 128, 512


class _Strict(BaseModel):
    """What is not known here would be ignored, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageUrl(_Strict):
    url: str
    detail: str | None = None


class ImagePart(_Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(_Strict):
    type: Literal["text"]
    text: str


class Message(_Strict):
    role: Literal["user"]
    content: tuple[Annotated[ImagePart | TextPart, Field(discriminator="type")], ...]


class Chat(_Strict):
    """A request. From `stream` on, fields that many clients send are taken where they ask for nothing."""

    model: str
    messages: tuple[Message, ...]
    n: int = Field(default=1, ge=1, le=MOST_ANSWERS)
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    logprobs: bool | None = None
    return_token_ids: bool | None = None
    user: str | None = None
    stream: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None
    skip_special_tokens: Literal[False] | None = None

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            samples=self.n,
            temperature=self.temperature,
            top_p=self.top_p,
            max_new_tokens=self.max_completion_tokens or self.max_tokens or USUAL_TOKENS,
        )


def question_of(chat: Chat) -> Question:
    """The one question that a request asks of one picture; without a seed, one is drawn.

    Raises:
        InputError: messages of another form, or a picture that is none.
    """
    from finesight.model.answerer import Question

    parts = [part for message in chat.messages for part in message.content]
    if len(chat.messages) != 1 or [part.type for part in parts] != ["image_url", "text"]:
        raise InputError("messages: give one user message of one image_url and then one text")
    image, text = parts
    assert isinstance(image, ImagePart)
    assert isinstance(text, TextPart)
    seed = secrets.randbits(31) if chat.seed is None else chat.seed
    return Question(_picture(image.image_url.url), text.text, chat.sampling, seed)


def _picture(url: str) -> Picture:
    kind, comma, data = url.partition(";base64,")
    if not kind.startswith("data:image/") or not comma:
        raise InputError(
            "image_url: give the picture itself, as data:image/png;base64,...; nothing is fetched"
        )
    try:
        raw = base64.b64decode(data, validate=True)
        return Picture("image_url", decode(raw), hashlib.sha256(raw).hexdigest())
    except binascii.Error as error:
        raise InputError(f"image_url: not base64: {error}") from error
    except Undecodable as error:
        raise InputError(f"image_url: {error}") from error


def chat_reply(chat: Chat, answered: Answered, answerer: Answerer) -> dict[str, Any]:
    """The JSON of a chat completion."""
    said = answered.completions
    tokens = sum(len(completion.tokens) for completion in said)
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answerer.name,
        "choices": [_choice(n, completion, chat, answerer) for n, completion in enumerate(said)],
        "usage": {
            "prompt_tokens": answered.question_tokens,
            "completion_tokens": tokens,
            "total_tokens": answered.question_tokens + tokens,
        },
    }


def _choice(number: int, completion: Completion, chat: Chat, answerer: Answerer) -> dict[str, Any]:
    """One answer; `levels`, the probabilities of the quality levels from bad to excellent, come with logprobs."""
    choice: dict[str, Any] = {
        "index": number,
        "message": {"role": "assistant", "content": answerer.text(completion), "refusal": None},
        "finish_reason": "stop" if completion.finished else "length",
        "logprobs": None,
    }
    if chat.logprobs:
        choice["logprobs"] = {"content": _spelt(completion, answerer.spell), "refusal": None}
        choice["levels"] = completion.levels
    if chat.return_token_ids:
        choice["token_ids"] = completion.tokens
    return choice


def _spelt(completion: Completion, spell: Callable[[int], bytes]) -> Sequence[dict[str, Any]]:
    raw = [spell(token) for token in completion.tokens]
    return [
        {"token": r.decode("utf-8", "replace"), "bytes": list(r), "logprob": p, "top_logprobs": []}
        for r, p in zip(raw, completion.logprobs, strict=True)
    ]
