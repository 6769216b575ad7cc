"""One small adapter per model family: encode images, place them in the text, positions, decoder.

An adapter is the nn.Module whose `forward` is the whole pass over a batch of trees, so that whatever wraps a
module (DDP, FSDP, a profiler) sees all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from finesight.errors import ModelError
from finesight.model.attention import Attention, sight, use_attention
from finesight.model.head import CHUNK_LOGITS, Read, logits_themselves, read_answers
from finesight.model.nano.vision import Dense
from finesight.model.tree import Layout
from finesight.model.vision import VisionInput
from finesight.schema.diagnosis import Diagnosis

Hints = Sequence[Diagnosis | None] | None


class ImageFeatures(NamedTuple):
    """What the frozen part of a vision tower makes of one picture, fit to be kept.

    cells: (image tokens, F); deep: further (image tokens, F) features for deeper decoder layers (Qwen3-VL);
    grid: (3,) time, height, width in patches; extra: what else a model without an adapter is to be given,
    which then has pixel values as `cells` (see rows). seconds: as in `VisionInput`.
    """

    cells: Tensor
    deep: tuple[Tensor, ...]
    grid: Tensor
    extra: Mapping[str, Tensor] = MappingProxyType({})
    seconds: float = 0.0


Visual = ImageFeatures | VisionInput
"""A picture as a model takes it: features that were kept, or pixels that are still to go through its tower."""


class ImageTokens(NamedTuple):
    """Decoder inputs of all pictures of a batch, end to end: (sum of image tokens, hidden)."""

    tokens: Tensor
    deep: list[Tensor]
    dense: Dense | None = None


class Answers(NamedTuple):
    """What was read off the logits of every answer token of a layout, (A, ...), and nano's dense view."""

    read: Tensor
    dense: Dense | None


class Family(nn.Module):
    """Qwen2-VL and Qwen2.5-VL; the other families override what differs."""

    image_marks = ("", "")
    """Tokens that stand before and behind a picture but are not in the chat template."""
    image_alias: str | None = None
    """Another name that chat templates of the family have for a picture."""
    dense = False
    """Whether the model has a dense head (see `look`)."""
    clips = True
    """Whether the model sees several frames as one clip, with their time as a position."""

    def __init__(self, model: Any, attention: Attention = "sdpa") -> None:
        super().__init__()
        self.model = model
        self.attention: Attention = attention
        use_attention(model, attention)

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

    @property
    def tower(self) -> nn.Module:
        """The part that `features` runs: while it is frozen, what it makes may be kept."""
        tower: nn.Module = self.model.model.visual
        return tower

    def blocks(self) -> list[nn.Module]:
        """The layers of decoder and tower that repeat: what is sharded, or computed again, one at a time."""
        return [m for m in self.model.modules() if isinstance(m, GradientCheckpointingLayer)]

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        """Features of each picture: one pass of the vision tower over all of them."""
        grids = torch.stack([i.grid for i in inputs]).to(self.device)
        pixels = torch.cat([i.pixel_values for i in inputs]).to(self.device)
        out = self.model.model.get_image_features(pixels, grids, return_dict=True)
        deep = getattr(out, "deepstack_features", None) or []
        return [
            ImageFeatures(cells, tuple(layer[i] for layer in deep), inputs[i].grid, seconds=inputs[i].seconds)
            for i, cells in enumerate(out.pooler_output)
        ]

    def tokens(self, features: Sequence[ImageFeatures], hints: Hints = None) -> ImageTokens:
        """Decoder inputs from kept features; hints are for nano alone (see its encoder)."""
        depth = len(features[0].deep)
        return ImageTokens(
            torch.cat([f.cells for f in features]),
            [torch.cat([f.deep[layer] for f in features]) for layer in range(depth)],
        )

    def kept(self, pictures: Sequence[Visual]) -> list[ImageFeatures]:
        """Features of pictures that are all of one kind; pixels go through the tower, with its gradients."""
        features = [p for p in pictures if isinstance(p, ImageFeatures)]
        pixels = [p for p in pictures if isinstance(p, VisionInput)]
        return features if features or not pixels else self.features(pixels)

    def image_ids(self, picture: Visual) -> list[int]:
        """The ids that stand for a picture, or a clip, in the text."""
        token = int(self.model.config.video_token_id) if picture.seconds else self.image_token_id
        if isinstance(picture, ImageFeatures):
            return [token] * len(picture.cells)
        return [token] * self.image_places(picture)

    def image_places(self, picture: VisionInput) -> int:
        """How many image tokens a picture takes in the text."""
        return int(picture.grid.prod()) // int(self.model.config.vision_config.spatial_merge_size) ** 2

    def look(self, features: Sequence[ImageFeatures]) -> Dense:
        """nano's dense view of pictures.

        Raises:
            ModelError: this family has no dense head.
        """
        raise self.no_dense_head()

    def cell_grids(self, grids: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """(height, width) in cells of nano's dense view, of pictures by their grids of patches.

        Raises:
            ModelError: this family has no dense head.
        """
        raise self.no_dense_head()

    def no_dense_head(self) -> ModelError:
        return ModelError(f"{self.model.config.model_type} has no dense head: set dense_steps to 0")

    def prefix_positions(
        self, prefix: Sequence[int], grids: Sequence[Tensor], seconds: Sequence[float] = ()
    ) -> Tensor:
        """(3, P) rotary positions of a prefix with as many pictures as there are grids, on the CPU.

        Args:
            seconds: of each, 0 for a picture; without any all are pictures.
        """
        ids = torch.tensor([prefix], device="cpu")
        lasting = [second for second in seconds if second]
        timed = list(zip(grids, seconds or [0.0] * len(grids), strict=True))
        stills = [grid.cpu() for grid, second in timed if not second]
        clips = [grid.cpu() for grid, second in timed if second]
        kinds = (ids == self.image_token_id).int()
        given: dict[str, Any] = {"image_grid_thw": torch.stack(stills) if stills else None}
        if clips:
            kinds += 2 * (ids == self.model.config.video_token_id).int()
            given |= {"video_grid_thw": torch.stack(clips), "second_per_grid_ts": torch.tensor(lasting)}
        positions: Tensor = self.model.model.get_rope_index(ids, mm_token_type_ids=kinds, **given)[0]
        return positions[:, 0].long()

    def hidden(
        self,
        ids: Tensor,
        positions: Tensor,
        seeing: Mapping[str, Any],
        images: ImageTokens | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Last hidden states (B, L, H).

        Args:
            ids: (B, L). positions: (3, B, L).
            seeing: what tells the attention who sees whom: `attention.sight` of a layout, or for steps from a
                cache an attention_mask (B, 1, L, past + L) bool, True where a token may look.
            images: decoder inputs for the image tokens of `ids`, in reading order.
            cache: transformers' Cache, grown by this call; None for training.
        """
        language_model = self.model.model.language_model
        embedded = language_model.embed_tokens(ids)
        extra: dict[str, Any] = {}
        if images is not None:
            places = self._places(ids)
            embedded = embedded.masked_scatter(places[..., None], images.tokens.to(embedded))
            extra = self._deep_inputs(places, images)
        out = language_model(
            inputs_embeds=embedded,
            position_ids=self._rotary(positions),
            past_key_values=cache,
            use_cache=cache is not None,
            **seeing,
            **extra,
        )
        hidden: Tensor = out.last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.model.lm_head(hidden)
        return out

    def forward(
        self,
        layout: Layout | None,
        pictures: Sequence[Visual],
        hints: Hints = None,
        read: Read = logits_themselves,
    ) -> Answers:
        """What `read` makes of the logits of the answer tokens of a batch of trees.

        Args:
            layout: on the model's device; None for nano's dense view alone.
            pictures: of all trees in reading order.
            read: given logits (C, V) and targets (C,), some answer tokens at a time (see head).
        """
        features = self.kept(pictures)
        if layout is None:
            return Answers(torch.zeros(0, device=self.device), self.look(features))
        images = self.tokens(features, hints) if features else None
        hidden = self.hidden(layout.ids, layout.positions, sight(self.attention, layout), images)
        rows, columns = layout.predictors
        chunk = max(1, CHUNK_LOGITS // self.model.config.text_config.vocab_size)
        answers = hidden[rows, columns]
        dense = images.dense if images else None
        return Answers(read_answers(answers, self.model.lm_head, layout.targets, read, chunk), dense)

    def _places(self, ids: Tensor) -> Tensor:
        """Where pictures and clips stand."""
        clip = getattr(self.model.config, "video_token_id", None)
        return ids == self.image_token_id if clip is None else (ids == self.image_token_id) | (ids == clip)

    def _rotary(self, positions: Tensor) -> Tensor:
        """Positions (3, B, L) as the decoder wants them."""
        return positions

    def _deep_inputs(self, places: Tensor, images: ImageTokens) -> dict[str, Any]:
        return {}


class Qwen3Family(Family):
    """Qwen3-VL: features of several vision depths are added in the first decoder layers (DeepStack)."""

    clips = False  # it has the time of each frame in the text

    def _deep_inputs(self, places: Tensor, images: ImageTokens) -> dict[str, Any]:
        deep = [features.to(self.device) for features in images.deep]
        return {"visual_pos_masks": places, "deepstack_visual_embeds": deep}


class InternFamily(Family):
    """InternVL3 in its Hugging Face form: a picture is tiles of one size, positions are one-dimensional."""

    image_marks = ("<img>", "</img>")
    image_alias = "<image>"
    clips = False

    @property
    def tower(self) -> nn.Module:
        body = self.model.model
        return nn.ModuleList([body.vision_tower, body.multi_modal_projector])

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        pixels = torch.cat([i.pixel_values for i in inputs]).to(self.device)
        config = self.model.config
        out = self.model.model.get_image_features(
            pixels,
            vision_feature_layer=config.vision_feature_layer,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
            return_dict=True,
        )
        tiles = out.pooler_output.split([len(i.pixel_values) for i in inputs])
        return [
            ImageFeatures(cells.flatten(0, 1), (), i.grid) for cells, i in zip(tiles, inputs, strict=True)
        ]

    def image_places(self, picture: VisionInput) -> int:
        tiles, height, width = picture.grid.tolist()
        return int(tiles * height * width * self.model.config.downsample_ratio**2)

    def prefix_positions(
        self, prefix: Sequence[int], grids: Sequence[Tensor], seconds: Sequence[float] = ()
    ) -> Tensor:
        return torch.arange(len(prefix), device="cpu").expand(3, -1)

    def _rotary(self, positions: Tensor) -> Tensor:
        return positions[0]


class NanoFamily(Family):
    """finesight-nano: what is kept is the trunk's cells; the encoder behind it is not of the tower."""

    dense = True
    clips = False

    @property
    def tower(self) -> nn.Module:
        trunk: nn.Module = self.model.model.visual.trunk
        return trunk

    def features(self, inputs: Sequence[VisionInput]) -> list[ImageFeatures]:
        visual = self.model.model.visual
        grids = torch.stack([i.grid for i in inputs])
        pixels = torch.cat([i.pixel_values for i in inputs]).to(self.device)
        cells = visual.cell_features(pixels, grids)
        return [ImageFeatures(c, (), g) for c, g in zip(cells, grids, strict=True)]

    def tokens(self, features: Sequence[ImageFeatures], hints: Hints = None) -> ImageTokens:
        tokens, dense = self.model.model.visual.encode(*self.cells(features), hints)
        return ImageTokens(torch.cat(tokens), [], dense)

    def look(self, features: Sequence[ImageFeatures]) -> Dense:
        view: Dense = self.model.model.visual.look(*self.cells(features))
        return view

    def cell_grids(self, grids: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        cells: list[tuple[int, int]] = self.model.model.visual.cell_grids(torch.tensor(grids))
        return cells

    def cells(self, features: Sequence[ImageFeatures]) -> tuple[list[Tensor], list[tuple[int, int]]]:
        """The features of the cells of each picture, (cells, F), as its encoder takes them, and its grid (h, w)."""
        grids = self.cell_grids([f.grid.tolist() for f in features])
        return [f.cells.to(self.device).float() for f in features], grids


FAMILIES: dict[str, type[Family]] = {
    "qwen2_vl": Family,
    "qwen2_5_vl": Family,
    "qwen3_vl": Qwen3Family,
    "internvl": InternFamily,
    "finesight_nano": NanoFamily,
}
