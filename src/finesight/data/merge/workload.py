"""How much work the same questions are: each for itself, merged, or as a tree. Counted, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from finesight.schema.workload import Layout, Workload

PATCHES_PER_TOKEN = 4
"""Qwen-VL merges 2 x 2 patches into an image token."""


class ChatTokens(NamedTuple):
    """Tokens around picture and question in the ChatML of Qwen2.5-VL with its default system prompt.

    head: `<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n<|im_start|>user\\n<|vision_start|>`.
    neck: `<|vision_end|>`. tail: `<|im_end|>\\n<|im_start|>assistant\\n`. end: `<|im_end|>`, a trained one.
    """

    head: int = 15
    neck: int = 1
    tail: int = 5
    end: int = 1


class Asked(NamedTuple):
    """Tokens of one prompt and of its answer, and how many questions the prompt asks."""

    question: int
    answer: int
    questions: int = 1


class PictureTokens(NamedTuple):
    """Image tokens of a picture, and its prompts: single ones, and the merged ones of the same questions."""

    image: int
    singles: Sequence[Asked]
    merged: Sequence[Asked]


def workloads(pictures: Iterable[PictureTokens], chat: ChatTokens | None = None) -> dict[Layout, Workload]:
    """One epoch over the pictures in each of the three layouts."""
    around = chat or ChatTokens()
    totals: dict[Layout, Workload] = {
        layout: _rows(layout, 0, (), around) for layout in ("separate", "merge", "tree")
    }
    for picture in pictures:
        totals = plus(
            totals,
            {
                "separate": _rows("separate", picture.image, picture.singles, around),
                "merge": _rows("merge", picture.image, picture.merged, around),
                "tree": _tree(picture.image, picture.singles, around),
            },
        )
    return totals


def plus(some: dict[Layout, Workload], more: dict[Layout, Workload]) -> dict[Layout, Workload]:
    """The workloads of two lots of pictures together, layout by layout."""
    return {
        layout: Workload(
            layout=layout,
            **{name: getattr(one, name) + getattr(more[layout], name) for name in _COUNTED},
        )
        for layout, one in some.items()
    }


def _rows(layout: Layout, image: int, prompts: Sequence[Asked], chat: ChatTokens) -> Workload:
    """Each prompt a sequence of its own, with the picture in it; every token sees those before it."""
    prefix = chat.head + image + chat.neck
    lengths = [prefix + _branch(prompt, chat) for prompt in prompts]
    return Workload(
        layout=layout,
        questions=sum(prompt.questions for prompt in prompts),
        sequences=len(prompts),
        images=len(prompts),
        patches=PATCHES_PER_TOKEN * image * len(prompts),
        tokens=sum(lengths),
        attended=sum(map(_causal, lengths)),
        answers=sum(prompt.answer + chat.end for prompt in prompts),
    )


def _tree(image: int, prompts: Sequence[Asked], chat: ChatTokens) -> Workload:
    """One sequence: the picture, then the prompts, each of which sees the picture and itself."""
    prefix = chat.head + image + chat.neck
    branches = [_branch(prompt, chat) for prompt in prompts]
    return Workload(
        layout="tree",
        questions=sum(prompt.questions for prompt in prompts),
        sequences=1,
        images=1,
        patches=PATCHES_PER_TOKEN * image,
        tokens=prefix + sum(branches),
        attended=_causal(prefix) + sum(length * prefix + _causal(length) for length in branches),
        answers=sum(prompt.answer + chat.end for prompt in prompts),
    )


def _branch(prompt: Asked, chat: ChatTokens) -> int:
    return prompt.question + chat.tail + prompt.answer + chat.end


def _causal(tokens: int) -> int:
    """Pairs in a sequence where each token sees itself and those before it."""
    return tokens * (tokens + 1) // 2


_COUNTED = tuple(name for name in Workload.model_fields if name != "layout")
