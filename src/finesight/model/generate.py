"""Greedy answers of a transformers model: every picture encoded once, every prefix laid out once.

The questions of a picture share the cache of its prefix; rows that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from finesight.model.attention import sight
from finesight.model.chat import encode
from finesight.model.coordinates import from_model, to_model
from finesight.model.family import ImageFeatures
from finesight.model.load import LoadedModel
from finesight.model.protocol import Completion, Request
from finesight.model.rows import RowsFamily
from finesight.model.tree import Tree, lay_out, standing, visible
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
        self._forbidden = list(model.vision_ids)

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
        if isinstance(self.model.family, RowsFamily):
            for row in rows:
                self._decode_alone(self.model.family, row, inputs[row.image], features[row.image])
        elif rows:
            self._decode(rows, inputs, features)
        return [
            [self._completion(row, inputs[i]) for row in rows if row.image == i] for i in range(len(requests))
        ]

    def _decode(
        self, rows: list[Row], inputs: Sequence[VisionInput], features: Sequence[ImageFeatures]
    ) -> None:
        """Fill `rows` with tokens."""
        family = self.model.family
        cache = DynamicCache()
        real, following = self._prefill(features, cache)
        images = torch.tensor([row.image for row in rows], device=family.device)
        cache.batch_select_indices(images)
        hidden, real, following = self._ask(rows, inputs, cache, real[images], following[images])
        live = list(rows)
        for _ in range(self.max_new_tokens):
            chosen = self._choose(live, family.logits(hidden))
            going = chosen != self.model.chat.end_id
            if not going.any():
                return
            # Dropping rows copies the cache, which costs about a step: worth it when a quarter has ended.
            if going.sum() <= 0.75 * len(live):
                kept = going.nonzero().squeeze(1)
                cache.batch_select_indices(kept)
                live = [live[i] for i in kept.tolist()]
                chosen, real, following = chosen[kept], real[kept], following[kept]
            real = torch.cat([real, torch.ones_like(real[:, :1])], dim=1)
            positions = following.expand(3, -1)[..., None]
            hidden = family.hidden(chosen[:, None], positions, _going_on(real, 1), cache=cache)[:, -1]
            following = following + 1

    def _decode_alone(self, family: RowsFamily, row: Row, seen: VisionInput, features: ImageFeatures) -> None:
        """Fill one row with tokens, prefix and picture its own."""
        cache = DynamicCache()
        prefix = self.model.prefix(features)
        self.prefix_tokens += len(prefix)
        (question,) = self._questions([row], [seen])
        logits = family.step(torch.tensor([prefix + question], device=family.device), cache, features)
        for _ in range(self.max_new_tokens):
            chosen = self._choose([row], logits)
            if row.ids[-1] == self.model.chat.end_id or len(row.ids) == self.max_new_tokens:
                return
            logits = family.step(chosen[:, None], cache)

    def _questions(self, rows: Sequence[Row], inputs: Sequence[VisionInput]) -> list[list[int]]:
        """Tokens of the question of each row, in the model's own coordinates; inputs are those of the rows."""
        coordinates = self.model.description.coordinates
        return self.model.ask(
            [to_model(r.prompt, coordinates, s.width, s.height) for r, s in zip(rows, inputs, strict=True)]
        )

    def _prefill(self, features: Sequence[ImageFeatures], cache: Any) -> tuple[Tensor, Tensor]:
        """Lay out each picture's prefix; which columns are real (n, P) and the next positions (n,)."""
        family = self.model.family
        trees = []
        for feature in features:
            prefix = self.model.prefix(feature)
            trees.append(Tree(prefix, family.prefix_positions(prefix, [feature.grid]), []))
        self.prefix_tokens += sum(tree.length for tree in trees)
        layout = lay_out([[tree] for tree in trees]).to(family.device)
        seeing = sight(family.attention, layout)
        family.hidden(layout.ids, layout.positions, seeing, family.tokens(features), cache)
        lengths = torch.tensor([tree.length for tree in trees], device=family.device)
        following = torch.tensor([int(tree.positions.max()) + 1 for tree in trees], device=family.device)
        return _real(lengths), following

    def _ask(
        self,
        rows: Sequence[Row],
        inputs: Sequence[VisionInput],
        cache: Any,
        real: Tensor,
        following: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add the questions; the last hidden states (rows, H), what is real now, and next positions."""
        family = self.model.family
        asked = self._questions(rows, [inputs[row.image] for row in rows])
        questions = [torch.tensor(question, device=family.device) for question in asked]
        lengths = torch.tensor([len(q) for q in questions], device=family.device)
        ids = pad_sequence(questions, batch_first=True)
        offsets = torch.arange(ids.shape[1], device=family.device)
        positions = (following[:, None] + offsets).expand(3, -1, -1)
        real = torch.cat([real, _real(lengths)], dim=1)
        hidden = family.hidden(ids, positions, _going_on(real, ids.shape[1]), cache=cache)
        last = hidden[torch.arange(len(rows), device=family.device), lengths - 1]
        return last, real, following + lengths

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


def _real(lengths: Tensor) -> Tensor:
    """(n,) lengths to (n, longest), True where a row padded on the right has a token."""
    return torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, None]


def _going_on(real: Tensor, new: int) -> dict[str, Tensor]:
    """What the last `new` columns of rows from a cache see: all that is real (n, K), up to themselves."""
    return {"attention_mask": visible(standing(real), real.shape[1] - new)}
