"""Greedy answers of a transformers model: every picture encoded once, every prefix laid out once.

The questions of a picture share the cache of its prefix; rows that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from finesight.model.chat import encode
from finesight.model.coordinates import from_model, to_model
from finesight.model.family import ImageFeatures
from finesight.model.load import LoadedModel
from finesight.model.protocol import Completion, Request
from finesight.model.vision import VisionInput
from finesight.schema.taxonomy import Level


@dataclass
class Row:
    """One question of one picture while it is being answered."""

    image: int
    prompt: str
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    levels: tuple[float, ...] | None = None


class TreeGenerator:
    """Answers requests with a loaded model, `rows` questions at a time.

    `vision_passes` and `prefix_tokens` count the work done, so that a test can hold it to once a picture.
    """

    def __init__(self, model: LoadedModel, max_new_tokens: int = 512, rows: int = 32) -> None:
        self.model = model
        self.max_new_tokens = max_new_tokens
        self.rows = rows
        self.vision_passes = 0
        self.prefix_tokens = 0
        self._level_ids = _level_ids(model)
        self._forbidden = torch.tensor(sorted(set(model.family.vision_ids)), dtype=torch.long)

    @property
    def name(self) -> str:
        return self.model.name

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]:
        """Greedy completions of every prompt of every request."""
        answers: list[list[Completion]] = []
        for group in _groups(requests, self.rows):
            answers += self._answer(group)
        return answers

    def _answer(self, requests: Sequence[Request]) -> list[list[Completion]]:
        inputs = [self.model.images(r.picture) for r in requests]
        features = [f for i in inputs for f in self.model.family.features([i])]
        self.vision_passes += len(inputs)
        rows = [Row(i, p) for i, r in enumerate(requests) for p in r.prompts]
        if rows:
            self._decode(rows, inputs, features)
        return [
            [self._completion(row, inputs[i]) for row in rows if row.image == i] for i in range(len(requests))
        ]

    def _decode(
        self, rows: list[Row], inputs: Sequence[VisionInput], features: Sequence[ImageFeatures]
    ) -> None:
        """Fill `rows` with tokens."""
        cache = DynamicCache()
        visible, following = self._prefill(features, cache)
        images = torch.tensor([row.image for row in rows])
        cache.batch_select_indices(images)
        visible, following = visible[images], following[images]
        hidden, visible, following = self._ask(rows, inputs, cache, visible, following)
        live = list(rows)
        for _ in range(self.max_new_tokens):
            chosen = self._choose(live, self.model.family.logits(hidden))
            going = chosen != self.model.chat.end_id
            if not going.any():
                return
            # Dropping rows copies the cache, which costs about a step: worth it when a quarter has ended.
            if going.sum() <= 0.75 * len(live):
                kept = going.nonzero().squeeze(1)
                cache.batch_select_indices(kept)
                live = [live[i] for i in kept.tolist()]
                chosen, visible, following, going = chosen[kept], visible[kept], following[kept], going[kept]
            visible = torch.cat([visible, torch.ones(len(live), 1, dtype=torch.bool)], dim=1)
            hidden = self.model.family.hidden(
                chosen[:, None], following.expand(3, -1)[..., None], visible[:, None, None, :], cache=cache
            )[:, -1]
            following = following + 1

    def _prefill(self, features: Sequence[ImageFeatures], cache: Any) -> tuple[Tensor, Tensor]:
        """Lay out each picture's prefix, left-padded; what is visible (n, P) and the next positions (n,)."""
        prefixes = [self.model.chat.prefix(f.places) for f in features]
        self.prefix_tokens += sum(map(len, prefixes))
        places = [
            self.model.family.prefix_positions(p, f.grid) for p, f in zip(prefixes, features, strict=True)
        ]
        ids, visible = _pad_left(prefixes)
        positions = torch.zeros(3, *ids.shape, dtype=torch.long)
        for row, place in enumerate(places):
            positions[:, row, -place.shape[1] :] = place
        self.model.family.hidden(
            ids, positions, _causal(visible), self.model.family.tokens(features), cache=cache
        )
        return visible, torch.stack([p.max() + 1 for p in places])

    def _ask(
        self,
        rows: Sequence[Row],
        inputs: Sequence[VisionInput],
        cache: Any,
        visible: Tensor,
        following: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add the questions; the last hidden states (rows, H), what is visible now, and next positions."""
        coordinates = self.model.description.coordinates
        questions = []
        for row in rows:
            seen = inputs[row.image]
            prompt = to_model(row.prompt, coordinates, seen.width, seen.height)
            questions.append(encode(self.model.tokenizer, prompt + self.model.chat.tail))
        ids, asked = _pad_left(questions)
        offsets = (asked.cumsum(1) - 1).clamp_min(0)
        positions = (following[:, None] + offsets).expand(3, -1, -1)
        before = visible[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        mask = torch.cat([before, _causal(asked)], dim=-1)
        hidden = self.model.family.hidden(ids, positions, mask, cache=cache)
        return hidden[:, -1], torch.cat([visible, asked], dim=1), following + asked.sum(1)

    def _choose(self, live: Sequence[Row], logits: Tensor) -> Tensor:
        """The likeliest next token of each row, kept in it."""
        logits = logits.float()
        logits[:, self._forbidden] = -torch.inf
        best, chosen = logits.log_softmax(-1).max(-1)
        ended = self.model.chat.end_id
        for i, (row, token, logprob) in enumerate(zip(live, chosen.tolist(), best.tolist(), strict=True)):
            if row.ids and row.ids[-1] == ended:
                chosen[i] = ended
                continue
            row.ids.append(token)
            row.logprobs.append(logprob)
            if token in self._level_ids:
                row.levels = tuple(logits[i, list(self._level_ids)].softmax(-1).tolist())
        return chosen

    def _completion(self, row: Row, seen: VisionInput) -> Completion:
        tokenizer = self.model.tokenizer
        raw = tokenizer.decode(row.ids)
        text = from_model(raw, self.model.description.coordinates, seen.width, seen.height)
        # Token starts are those of the raw text; rewritten coordinates shift what follows.
        starts: tuple[int, ...] = ()
        if text == raw:
            starts = tuple(len(tokenizer.decode(row.ids[:i])) for i in range(len(row.ids)))
        return Completion(text, starts, tuple(row.logprobs), row.levels)


def _groups(requests: Sequence[Request], rows: int) -> Iterator[list[Request]]:
    """Requests in order, as many together as have at most `rows` prompts between them."""
    group: list[Request] = []
    for request in requests:
        if group and sum(len(r.prompts) for r in group) + len(request.prompts) > rows:
            yield group
            group = []
        group.append(request)
    if group:
        yield group


def _level_ids(model: LoadedModel) -> tuple[int, ...]:
    """First token of each level word in a sentence, worst to best; empty where two words share one."""
    ids = tuple(encode(model.tokenizer, f" {level.value}")[0] for level in Level)
    return ids if len(set(ids)) == len(ids) else ()


def _pad_left(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids (n, longest) and where they are not padding."""
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(r)) + list(r) for r in rows])
    lengths = torch.tensor([len(r) for r in rows])
    return ids, torch.arange(longest)[None] >= longest - lengths[:, None]


def _causal(valid: Tensor) -> Tensor:
    """(n, L) validity to a (n, 1, L, L) mask; padding sees itself, so that no row of it is empty."""
    length = valid.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return (causal & valid[:, None, :] | torch.eye(length, dtype=torch.bool))[:, None]
