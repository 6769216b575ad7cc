"""Any other model of transformers: every answer in a row of its own, through the model's own forward pass.

Nothing is known of how such a model places pictures and positions, so nothing is shared: the vision tower runs
once an answer, and the logits of a row stand there at once. What a row is, the layout of the tree tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from finesight.model.family import Answers, Family, Hints, ImageFeatures, Visual
from finesight.model.head import Read, logits_themselves
from finesight.model.tree import Layout
from finesight.model.vision import VisionInput

_TOWERS = ("visual", "vision_tower", "vision_model")


class RowsFamily(Family):
    """A model without an adapter of its own. What is kept of a picture are its pixels, not its features."""

    clips = False

    def __init__(self, model: Any) -> None:
        nn.Module.__init__(self)
        self.model = model

    @property
    def tower(self) -> nn.Module:
        """The vision tower under one of its usual names; an empty module where it has none of them."""
        body = self.model.model
        found = (getattr(body, name) for name in _TOWERS if hasattr(body, name))
        tower: nn.Module = next(found, nn.Identity())
        return tower

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        return [ImageFeatures(i.pixel_values, (), i.grid, i.extra) for i in inputs]

    def image_ids(self, picture: Visual) -> list[int]:
        ids: list[int] = picture.extra["input_ids"].flatten().tolist()
        return ids

    def prefix_positions(
        self, prefix: Sequence[int], grids: Sequence[Tensor], seconds: Sequence[float] = ()
    ) -> Tensor:
        return torch.arange(len(prefix), device="cpu").expand(3, -1)

    def forward(
        self,
        layout: Layout | None,
        pictures: Sequence[Visual],
        hints: Hints = None,
        read: Read = logits_themselves,
    ) -> Answers:
        if layout is None:
            raise self.no_dense_head()
        features = self.kept(pictures)
        place = torch.arange(layout.ids.shape[1], device=layout.ids.device)
        parts = []
        for answer in torch.unique(layout.owner):
            own = layout.owner == answer
            (line, *_), columns = layout.predictors[:, own]
            (tree, *_) = layout.tree[own].tolist()
            # What the token before the last one sees is the row this answer would have stood in.
            last = columns[-1]
            seen = (place <= last) & (last < layout.until[line])
            row = layout.ids[line, seen][None]
            logits = self.model(input_ids=row, use_cache=False, **self._pixels(features[tree])).logits[0]
            parts.append(read(logits[seen.cumsum(0)[columns] - 1], layout.targets[own]))
        return Answers(torch.cat(parts), None)

    def step(self, ids: Tensor, cache: Any, features: ImageFeatures | None = None) -> Tensor:
        """Logits (1, vocabulary) behind a row (1, L) that goes on from a cache, which grows by it.

        Args:
            features: of the picture, where the row holds it.
        """
        pixels = self._pixels(features) if features else {}
        logits: Tensor = self.model(input_ids=ids, past_key_values=cache, use_cache=True, **pixels).logits
        return logits[:, -1]

    def _pixels(self, features: ImageFeatures) -> Mapping[str, Tensor]:
        given = {"pixel_values": features.cells, **features.extra}
        dtype = next(self.model.parameters()).dtype
        return {
            name: tensor.to(self.device, dtype if tensor.is_floating_point() else None)
            for name, tensor in given.items()
            if name != "input_ids"
        }
