"""The chat format of a model, cut where a tree branches: what stands before a question, and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finesight.errors import ModelError

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QUESTION = "QUESTION-GOES-HERE"


@dataclass(frozen=True)
class ChatFormat:
    """Token ids around the image and around a question.

    head + image tokens + neck is the prefix all questions of an image share; a branch is the question's
    tokens + tail, then the answer and `end`.
    """

    head: tuple[int, ...]
    neck: tuple[int, ...]
    tail: str
    image_id: int
    end_id: int

    def prefix(self, image_tokens: int) -> list[int]:
        """The shared prefix for an image that takes `image_tokens` places."""
        return self.around([self.image_id] * image_tokens)

    def around(self, image_ids: Sequence[int]) -> list[int]:
        """The shared prefix for an image that stands in the text as these ids."""
        return [*self.head, *image_ids, *self.neck]


def chat_format(
    tokenizer: Any, image_token_id: int, marks: tuple[str, str] = ("", ""), alias: str | None = None
) -> ChatFormat:
    """The format of a tokenizer's own chat template (ChatML with Qwen's vision tokens where it has none).

    Args:
        marks: what a processor adds before and behind the image tokens that the template leaves out.
        alias: another name by which a template may call the image.

    Raises:
        ModelError: the template places no single image token before the question.
    """
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _QUESTION}]}]
    template = None if tokenizer.chat_template else CHATML
    text = tokenizer.apply_chat_template(
        messages, chat_template=template, tokenize=False, add_generation_prompt=True
    )
    image_token = tokenizer.convert_ids_to_tokens(image_token_id)
    if alias:
        text = text.replace(alias, image_token)
    before, _, rest = text.partition(image_token)
    neck, _, tail = rest.partition(_QUESTION)
    if image_token not in text or not tail or image_token in rest:
        raise ModelError(
            f"the chat template of {tokenizer.name_or_path!r} does not place one {image_token} before the "
            "question; use a checkpoint whose tokenizer carries the template of its family"
        )
    end_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return ChatFormat(
        head=tuple(encode(tokenizer, before + marks[0])),
        neck=tuple(encode(tokenizer, marks[1] + neck)),
        tail=tail,
        image_id=image_token_id,
        end_id=tokenizer.eos_token_id if end_id is None else end_id,
    )


def encode(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text as it stands, special tokens recognised, none added."""
    return encode_all(tokenizer, [text])[0]


def encode_all(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text as it stands; every different text is tokenised once, all in one call."""
    different = list(dict.fromkeys(texts))
    if not different:
        return []
    ids = dict(zip(different, tokenizer(different, add_special_tokens=False)["input_ids"], strict=True))
    return [ids[text] for text in texts]
