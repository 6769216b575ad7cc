"""A new nano: sizes to a model with the pretrained trunk in place and everything else untrained."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.model.chat import encode
from finesight.model.coordinates import Coordinates
from finesight.model.load import LoadedModel, ModelDescription, assemble
from finesight.model.nano.modeling import NanoConfig, NanoForConditionalGeneration
from finesight.model.nano.proposals import KINDS
from finesight.model.nano.tokenizer import number_ids
from finesight.model.nano.trunk import pretrained_trunk_state
from finesight.model.nano.vision import NUMBER_FEATURES, number_features
from finesight.model.vision import ResizePolicy
from finesight.schema.box import SCALE


class NanoSize(BaseModel):
    """Widths and depths. The defaults make about 3 M parameters, 0.7 M of them the frozen trunk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=192, multiple_of=32)
    layers: int = Field(default=3, gt=0)
    heads: int = Field(default=3, gt=0)
    encoder_layers: int = Field(default=2, ge=0)
    max_pixels: int = Field(default=448 * 448, description="pictures are shrunk to this area")
    min_pixels: int = Field(default=224 * 224, gt=0, description="pictures are enlarged to this area")

    @model_validator(mode="after")
    def _fitting(self) -> NanoSize:
        if self.width % (2 * self.heads) or self.width < 8 * self.heads:
            raise ValueError(
                f"width {self.width} does not split into {self.heads} heads of an even size from 8"
            )
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels {self.min_pixels} is larger than max_pixels {self.max_pixels}")
        return self


def build_nano(size: NanoSize, tokenizer: Any, seed: int = 0, name: str = "finesight-nano") -> LoadedModel:
    """An untrained nano of a size for a tokenizer; the same seed gives the same weights."""
    ids = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": size.width,
        "intermediate_size": 2 * size.width,
        # The .02 of large models leaves a narrow one with attention that sees everything alike for long.
        "initializer_range": size.width**-0.5,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "mrope_section": _sections(size.width // size.heads)},
        "bos_token_id": None,
        "eos_token_id": ids("<|im_end|>"),
        "pad_token_id": ids("<|endoftext|>"),
    }
    config = NanoConfig(
        text_config=text,
        vision_config={
            "encoder_width": size.width,
            "encoder_layers": size.encoder_layers,
            "encoder_heads": size.heads,
            "out_hidden_size": size.width,
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NanoForConditionalGeneration(config)
        model.model.visual.trunk.load_state_dict(pretrained_trunk_state())
        _order_numbers(model, number_ids(tokenizer))
        _name_types(model, tokenizer)
        _match_and_copy(model)
    description = ModelDescription(
        name=name,
        coordinates=Coordinates.THOUSANDTHS,
        policy=ResizePolicy(min_pixels=size.min_pixels, max_pixels=size.max_pixels),
    )
    return assemble(model.eval(), tokenizer, description)


def _sections(head_dim: int) -> list[int]:
    """Rotary pairs for time, height and width, all three used (Qwen2.5-VL's shares)."""
    pairs = head_dim // 2
    space = 3 * pairs // 8
    return [pairs - 2 * space, space, space]


@torch.no_grad()
def _order_numbers(model: Any, ids: dict[int, int]) -> None:
    """Begin number tokens in their order, near numbers near each other, and the encoder's numbers alike."""
    table = model.model.language_model.embed_tokens.weight
    features = number_features(torch.tensor(list(ids)) / SCALE)
    mixing = torch.randn(NUMBER_FEATURES, table.shape[1]) / math.sqrt(NUMBER_FEATURES)
    scale = float(table.std())
    table[list(ids.values())] = features @ mixing * scale + 0.3 * table[list(ids.values())]
    # The encoder writes its numbers the same way, loud enough to be heard beside what else a token carries.
    model.model.visual.encoder.number.weight.copy_(mixing.T / 2)


@torch.no_grad()
def _name_types(model: Any, tokenizer: Any) -> None:
    """Begin the proposals of a type with the embedding of its name, so that the two match."""
    table = model.model.language_model.embed_tokens.weight
    for column, kind in enumerate(KINDS):
        name = table[encode(tokenizer, f" {kind.value.lower()}")].mean(0)
        model.model.visual.encoder.propose.weight[:, column] = 4 * name / name.norm()


@torch.no_grad()
def _match_and_copy(model: Any) -> None:
    """Begin every attention head as one that looks for tokens like its own and passes on what they hold.

    References:
        Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers", arXiv 2305.09828: trained
        heads have query-key and value-output products near multiples of the identity, and starting there
        lets small transformers learn from little data.
    """
    for layer in model.model.language_model.layers:
        attention = layer.self_attn
        query, key = attention.q_proj.weight, attention.k_proj.weight
        value, output = attention.v_proj.weight, attention.o_proj.weight
        for start in range(0, len(query), attention.head_dim):
            head = slice(start, start + attention.head_dim)
            matching, copying = (
                torch.linalg.qr(torch.randn(query.shape[1], attention.head_dim))[0] for _ in range(2)
            )
            query[head] = 0.5 * matching.T + 0.3 * query[head]
            key[head] = 0.5 * matching.T + 0.3 * key[head]
            value[head] = 0.7 * copying.T + 0.3 * value[head]
            output[:, head] = 0.7 * copying + 0.3 * output[:, head]
