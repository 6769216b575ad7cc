"""One small adapter per model family: encode images, place them in the text, positions, decoder.

An adapter is the nn.Module whose `forward` is the whole pass over a batch of trees, so that whatever wraps a
module (DDP, FSDP, a profiler) sees all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from finesight.errors import ModelError
from finesight.model.nano.vision import Dense
from finesight.model.tree import Layout
from finesight.model.vision import VisionInput
from finesight.schema.diagnosis import Diagnosis

Hints = Sequence[Diagnosis | None] | None


class ImageFeatures(NamedTuple):
    """What the frozen part of a vision tower makes of one picture, fit to be kept.

    cells: (image tokens, F); deep: further (image tokens, F) features for deeper decoder layers (Qwen3-VL);
    grid: (3,) time, height, width in patches.
    """

    cells: Tensor
    deep: tuple[Tensor, ...]
    grid: Tensor

    @property
    def places(self) -> int:
        """How many image tokens the picture takes in the text."""
        return len(self.cells)


class ImageTokens(NamedTuple):
    """Decoder inputs of all pictures of a batch, end to end: (sum of image tokens, hidden)."""

    tokens: Tensor
    deep: list[Tensor]
    dense: Dense | None = None


class Answers(NamedTuple):
    """Logits (A, vocabulary) of every answer token of a layout, and nano's dense view of the pictures."""

    logits: Tensor
    dense: Dense | None


class Family(nn.Module):
    """Qwen2-VL and Qwen2.5-VL; the other families override what differs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def image_token_id(self) -> int:
        return int(self.model.config.image_token_id)

    @property
    def vision_ids(self) -> list[int]:
        """Ids that stand for pictures and must never be sampled as text."""
        names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
        found = (getattr(self.model.config, name, None) for name in names)
        return [i for i in found if i is not None]

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        """Features of each picture: one pass of the vision tower over all of them."""
        grids = torch.stack([i.grid for i in inputs]).to(self.device)
        pixels = torch.cat([i.pixel_values for i in inputs]).to(self.device)
        out = self.model.model.get_image_features(pixels, grids, return_dict=True)
        deep = getattr(out, "deepstack_features", None) or []
        return [
            ImageFeatures(cells, tuple(layer[i] for layer in deep), inputs[i].grid)
            for i, cells in enumerate(out.pooler_output)
        ]

    def tokens(self, features: Sequence[ImageFeatures], hints: Hints = None) -> ImageTokens:
        """Decoder inputs from kept features; hints are for nano alone (see its encoder)."""
        depth = len(features[0].deep)
        return ImageTokens(
            torch.cat([f.cells for f in features]),
            [torch.cat([f.deep[layer] for f in features]) for layer in range(depth)],
        )

    def look(self, features: Sequence[ImageFeatures]) -> Dense:
        """nano's dense view of pictures.

        Raises:
            ModelError: this family has no dense head.
        """
        raise ModelError(f"{self.model.config.model_type} has no dense head: set dense_steps to 0")

    def prefix_positions(self, prefix: Sequence[int], grid: Tensor) -> Tensor:
        """(3, P) rotary positions of a prefix with one picture."""
        ids = torch.tensor([prefix])
        kinds = (ids == self.image_token_id).int()
        positions: Tensor = self.model.model.get_rope_index(
            ids, mm_token_type_ids=kinds, image_grid_thw=grid[None]
        )[0]
        return positions[:, 0]

    def hidden(
        self,
        ids: Tensor,
        positions: Tensor,
        mask: Tensor,
        images: ImageTokens | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Last hidden states (B, L, H).

        Args:
            ids: (B, L). positions: (3, B, L). mask: (B, 1, L, past + L) bool, True where a token may look.
            images: decoder inputs for the image tokens of `ids`, in reading order.
            cache: transformers' Cache, grown by this call; None for training.
        """
        language_model = self.model.model.language_model
        embedded = language_model.embed_tokens(ids)
        extra: dict[str, Any] = {}
        if images is not None:
            places = ids == self.image_token_id
            embedded = embedded.masked_scatter(places[..., None], images.tokens.to(embedded.dtype))
            extra = self._deep_inputs(places, images)
        out = language_model(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
            **extra,
        )
        hidden: Tensor = out.last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.model.lm_head(hidden)
        return out

    def forward(self, layout: Layout, features: Sequence[ImageFeatures], hints: Hints = None) -> Answers:
        """Logits of the answer tokens of a batch of trees, one picture's features a tree."""
        images = self.tokens(features, hints)
        hidden = self.hidden(layout.ids, layout.positions, layout.mask, images)
        rows, columns = layout.predictors
        return Answers(self.logits(hidden[rows, columns]), images.dense)

    def _deep_inputs(self, places: Tensor, images: ImageTokens) -> dict[str, Any]:
        return {}


class Qwen3Family(Family):
    """Qwen3-VL: features of several vision depths are added in the first decoder layers (DeepStack)."""

    def _deep_inputs(self, places: Tensor, images: ImageTokens) -> dict[str, Any]:
        return {"visual_pos_masks": places, "deepstack_visual_embeds": images.deep}


class NanoFamily(Family):
    """finesight-nano: what is kept is the frozen trunk's cells; the encoder behind it is trained."""

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        visual = self.model.model.visual
        grids = torch.stack([i.grid for i in inputs])
        pixels = torch.cat([i.pixel_values for i in inputs]).to(self.device)
        cells = visual.cell_features(pixels, grids)
        return [ImageFeatures(c, (), g) for c, g in zip(cells, grids, strict=True)]

    def tokens(self, features: Sequence[ImageFeatures], hints: Hints = None) -> ImageTokens:
        tokens, dense = self.model.model.visual.encode(*self._cells(features), hints)
        return ImageTokens(torch.cat(tokens), [], dense)

    def look(self, features: Sequence[ImageFeatures]) -> Dense:
        view: Dense = self.model.model.visual.look(*self._cells(features))
        return view

    def _cells(self, features: Sequence[ImageFeatures]) -> tuple[list[Tensor], list[tuple[int, int]]]:
        grids = self.model.model.visual.cell_grids(torch.stack([f.grid for f in features]))
        return [f.cells.float() for f in features], grids


FAMILIES: dict[str, type[Family]] = {
    "qwen2_vl": Family,
    "qwen2_5_vl": Family,
    "qwen3_vl": Qwen3Family,
    "finesight_nano": NanoFamily,
}
