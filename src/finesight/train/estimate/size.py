"""What of a model decides how much work and memory it takes: its dimensions, and the weights they make.

Weights are counted as matrices: norms and biases, well below a thousandth of a large model, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from finesight.errors import ModelError

# The trunk of finesight-nano (model/nano/trunk.py) is fixed: per cell of 28 px, and in all.
TRUNK_MULTIPLY_ADDS, TRUNK_WEIGHTS, TRUNK_FEATURES = 3_808_133, 692_688, 606

_DENSE_NUMBERS, _PLACE_NUMBERS = 90, 28


class Matrix(BaseModel):
    """A linear layer from `inputs` to `outputs` numbers."""

    model_config = ConfigDict(frozen=True)

    inputs: int = Field(gt=0)
    outputs: int = Field(gt=0)

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs

    def adapter_weights(self, rank: int) -> int:
        """Weights of a LoRA of a rank (Hu et al., arXiv 2106.09685, section 4.1)."""
        return rank * (self.inputs + self.outputs)


class VisionSize(BaseModel):
    """A vision tower: a stem, transformer layers, and projectors into the decoder.

    gated: the feed-forward has three matrices instead of two. merge: patches along a side of an image token.
    start: patches that the layers take as one token (nano merges before its layers, others after them).
    window: tokens that see each other in a windowed layer; full: layers whose tokens see the whole picture.
    tile: patches of a tile, which is a picture of its own with a class token (InternVL); 0: no tiles.
    stem: multiply-adds a token, stem_weights: its weights; trained_stem: whether it is ever trained.
    kept: numbers of an image token that are kept where the frozen part is computed once.
    """

    model_config = ConfigDict(frozen=True)

    depth: int = Field(ge=0)
    width: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    heads: int = Field(gt=0)
    gated: bool
    stem: int = Field(ge=0)
    stem_weights: int = Field(ge=0)
    trained_stem: bool = True
    merge: int = Field(default=2, gt=0)
    start: int = Field(default=1, gt=0)
    window: int = Field(default=0, ge=0)
    full: int = Field(ge=0)
    tile: int = Field(default=0, ge=0)
    projectors: tuple[Matrix, ...]
    kept: int = Field(gt=0)

    @property
    def layer(self) -> tuple[Matrix, ...]:
        """The linear layers of one transformer layer."""
        up = Matrix(inputs=self.width, outputs=self.intermediate)
        down = Matrix(inputs=self.intermediate, outputs=self.width)
        square = Matrix(inputs=self.width, outputs=self.width)
        return (square,) * 4 + ((up, up, down) if self.gated else (up, down))

    @property
    def weights(self) -> int:
        return self.stem_weights + self.depth * _weights(self.layer) + _weights(self.projectors)

    def tokens(self, patches: int) -> float:
        """Tokens in the layers for a number of patches."""
        return patches / self.start * (1 + 1 / self.tile if self.tile else 1)

    def attended(self, patches: int, images: int) -> float:
        """Pairs of tokens that see each other, over all layers; pictures are taken to be of one size."""
        tokens = self.tokens(patches)
        whole = self.tile + 1 if self.tile else tokens / images if images else 0
        return tokens * (self.full * whole + (self.depth - self.full) * min(self.window, whole))


class ModelSize(BaseModel):
    """A multimodal decoder and its vision tower.

    bare: decoder layers without a feed-forward (nano's pointer). tied: the head is the table of embeddings.
    head_norms: queries and keys are normed head by head (Qwen3).
    """

    model_config = ConfigDict(frozen=True)

    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    vocabulary: int = Field(gt=0)
    tied: bool
    bare: int = Field(default=0, ge=0)
    head_norms: bool = False
    vision: VisionSize

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModelSize:
        """The size a transformers `config.json` describes.

        Raises:
            ModelError: a family that is not known, or a dimension that is missing.
        """
        family = config.get("model_type")
        if family not in _VISION:
            raise ModelError(
                f"config.json: model_type {family!r} is not known; known are {', '.join(sorted(_VISION))}"
            )
        # Older files have the decoder's fields at the top.
        text = config.get("text_config") or config
        try:
            heads, hidden = text["num_attention_heads"], text["hidden_size"]
            return cls(
                layers=text["num_hidden_layers"],
                hidden=hidden,
                intermediate=text["intermediate_size"],
                heads=heads,
                kv_heads=text.get("num_key_value_heads") or heads,
                head_dim=text.get("head_dim") or hidden // heads,
                vocabulary=text["vocab_size"],
                tied=config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)),
                bare=1 if family == "finesight_nano" else 0,
                head_norms=family == "qwen3_vl",
                vision=_VISION[family](config["vision_config"], hidden),
            )
        except KeyError as error:
            raise ModelError(
                f"config.json: {family} without {error}; give the file of a checkpoint"
            ) from error

    @property
    def attention(self) -> tuple[Matrix, ...]:
        """The linear layers of a decoder layer's attention: query, key, value, output."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        value = Matrix(inputs=self.hidden, outputs=key)
        return (
            Matrix(inputs=self.hidden, outputs=query),
            value,
            value,
            Matrix(inputs=query, outputs=self.hidden),
        )

    @property
    def feed_forward(self) -> tuple[Matrix, ...]:
        """The linear layers of a decoder layer's gated feed-forward."""
        up = Matrix(inputs=self.hidden, outputs=self.intermediate)
        return up, up, Matrix(inputs=self.intermediate, outputs=self.hidden)

    @property
    def decoder(self) -> tuple[Matrix, ...]:
        """Every linear layer of the decoder, its head left out."""
        return self.attention * self.layers + self.feed_forward * (self.layers - self.bare)

    @property
    def closing_weights(self) -> int:
        """Weights of the matrices that end the decoder's layers."""
        whole = self.layers - self.bare
        return whole * self.feed_forward[-1].weights + self.bare * self.attention[-1].weights

    @property
    def layer_weights(self) -> int:
        """Weights of one whole decoder layer."""
        return _weights(self.attention) + _weights(self.feed_forward)

    @property
    def decoder_weights(self) -> int:
        return _weights(self.decoder)

    @property
    def head_weights(self) -> int:
        return self.hidden * self.vocabulary

    @property
    def table_weights(self) -> int:
        """Weights of embeddings and head together."""
        return self.head_weights * (1 if self.tied else 2)

    @property
    def weights(self) -> int:
        return self.vision.weights + self.decoder_weights + self.table_weights

    def adapter_weights(self, rank: int) -> int:
        """Weights of a LoRA of a rank on every linear layer of the decoder."""
        return sum(matrix.adapter_weights(rank) for matrix in self.decoder)


def _weights(matrices: tuple[Matrix, ...]) -> int:
    return sum(matrix.weights for matrix in matrices)


def _patch_numbers(vision: dict[str, Any]) -> int:
    """Numbers of a patch: colours x frames x side x side."""
    colours = vision.get("in_channels", vision.get("in_chans", 3))
    return int(colours * vision.get("temporal_patch_size", 2) * vision.get("patch_size", 14) ** 2)


def _merger(width: int, merge: int, out: int) -> tuple[Matrix, ...]:
    merged = width * merge**2
    return Matrix(inputs=merged, outputs=merged), Matrix(inputs=merged, outputs=out)


def _qwen2(vision: dict[str, Any], hidden: int) -> VisionSize:
    width, merge = vision["embed_dim"], vision.get("spatial_merge_size", 2)
    return VisionSize(
        depth=vision["depth"],
        width=width,
        intermediate=int(width * vision["mlp_ratio"]),
        heads=vision["num_heads"],
        gated=False,
        stem=_patch_numbers(vision) * width,
        stem_weights=_patch_numbers(vision) * width,
        merge=merge,
        full=vision["depth"],
        projectors=_merger(width, merge, hidden),
        kept=hidden,
    )


def _qwen2_5(vision: dict[str, Any], hidden: int) -> VisionSize:
    width, merge = vision["hidden_size"], vision.get("spatial_merge_size", 2)
    return VisionSize(
        depth=vision["depth"],
        width=width,
        intermediate=vision["intermediate_size"],
        heads=vision["num_heads"],
        gated=True,
        stem=_patch_numbers(vision) * width,
        stem_weights=_patch_numbers(vision) * width,
        merge=merge,
        window=(vision["window_size"] // vision.get("patch_size", 14)) ** 2,
        full=len(vision["fullatt_block_indexes"]),
        projectors=_merger(width, merge, hidden),
        kept=hidden,
    )


def _qwen3(vision: dict[str, Any], hidden: int) -> VisionSize:
    width, merge = vision["hidden_size"], vision.get("spatial_merge_size", 2)
    mergers = 1 + len(vision["deepstack_visual_indexes"])
    stem = _patch_numbers(vision) * width
    return VisionSize(
        depth=vision["depth"],
        width=width,
        intermediate=vision["intermediate_size"],
        heads=vision["num_heads"],
        gated=False,
        stem=stem,
        stem_weights=stem + vision["num_position_embeddings"] * width,
        merge=merge,
        full=vision["depth"],
        projectors=_merger(width, merge, hidden) * mergers,
        kept=hidden * mergers,
    )


def _internvl(vision: dict[str, Any], hidden: int) -> VisionSize:
    width, (side, _) = vision["hidden_size"], vision["patch_size"]
    tile = (vision["image_size"][0] // side) * (vision["image_size"][1] // side)
    stem = vision.get("num_channels", 3) * side**2 * width
    return VisionSize(
        depth=vision["num_hidden_layers"],
        width=width,
        intermediate=vision["intermediate_size"],
        heads=vision["num_attention_heads"],
        gated=False,
        stem=stem,
        stem_weights=stem + (tile + 1) * width,
        full=vision["num_hidden_layers"],
        tile=tile,
        projectors=(Matrix(inputs=4 * width, outputs=hidden), Matrix(inputs=hidden, outputs=hidden)),
        kept=hidden,
    )


def _nano(vision: dict[str, Any], hidden: int) -> VisionSize:
    width, cell = vision["encoder_width"], vision.get("spatial_merge_size", 2) ** 2
    read = (Matrix(inputs=TRUNK_FEATURES, outputs=width), *[Matrix(inputs=width, outputs=width)] * 2)
    return VisionSize(
        depth=vision["encoder_layers"],
        width=width,
        intermediate=2 * width,
        heads=vision["encoder_heads"],
        gated=False,
        stem=TRUNK_MULTIPLY_ADDS,
        stem_weights=TRUNK_WEIGHTS,
        trained_stem=False,
        start=cell,
        full=vision["encoder_layers"],
        projectors=(
            *read,
            Matrix(inputs=width, outputs=_DENSE_NUMBERS),
            Matrix(inputs=width + _DENSE_NUMBERS + _PLACE_NUMBERS, outputs=hidden),
        ),
        kept=TRUNK_FEATURES,
    )


_VISION: dict[str, Callable[[dict[str, Any], int], VisionSize]] = {
    "qwen2_vl": _qwen2,
    "qwen2_5_vl": _qwen2_5,
    "qwen3_vl": _qwen3,
    "internvl": _internvl,
    "finesight_nano": _nano,
}
"""How the vision tower of a family is read from its `vision_config` and the decoder's width."""
