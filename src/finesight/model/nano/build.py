"""A new nano: sizes to a model with the pretrained trunk in place and everything else untrained."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.model.coordinates import Coordinates
from finesight.model.load import LoadedModel, ModelDescription, assemble
from finesight.model.nano.modeling import NanoConfig, NanoForConditionalGeneration
from finesight.model.nano.projector import NOTE_FEATURES, NUMBER_FEATURES, number_features
from finesight.model.nano.tokenizer import number_ids
from finesight.model.nano.trunk import pretrained_trunk_state
from finesight.model.resize import ResizePolicy
from finesight.schema.box import SCALE

NEARNESS = 1.75
"""Strength of the biases that make a head look near; see `_look_near`."""


class NanoSize(BaseModel):
    """Widths and depths. The defaults make about 3 M parameters, 0.7 M of them the trunk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=192, multiple_of=32, gt=NOTE_FEATURES)
    layers: int = Field(default=3, gt=0, description="of the decoder, the pointer at its end not counted")
    heads: int = Field(default=3, gt=0)
    encoder_layers: int = Field(default=2, ge=0)
    max_pixels: int = Field(default=448 * 448, description="pictures are shrunk to this area")
    min_pixels: int = Field(default=224 * 224, gt=0, description="pictures are enlarged to this area")

    @model_validator(mode="after")
    def _fitting(self) -> NanoSize:
        if self.width % (2 * self.heads) or self.width < NUMBER_FEATURES * self.heads:
            raise ValueError(
                f"width {self.width} does not split into {self.heads} heads of an even size "
                f"that holds a number of {NUMBER_FEATURES} features"
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
        "num_hidden_layers": size.layers + 1,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "max_position_embeddings": 8192,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,  # answers are short
            "mrope_section": _sections(size.width // size.heads),
        },
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
        _tell_notes_apart(model)
        _look_near(model)
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
    """Begin number tokens in their order, near ones alike, and the pointer as one that copies them."""
    table = model.model.language_model.embed_tokens.weight
    features = number_features(torch.tensor(list(ids)) / SCALE)
    mixing = torch.linalg.qr(torch.randn(table.shape[1], NUMBER_FEATURES))[0]
    table[list(ids.values())] = features @ mixing.T + 0.3 * table[list(ids.values())]
    pointer = model.model.language_model.layers[-1]
    for start in range(0, table.shape[1], table.shape[1] // pointer.heads):
        number = slice(start, start + NUMBER_FEATURES)
        pointer.v_proj.weight[number] = torch.eye(table.shape[1])[-NUMBER_FEATURES:]
        # As loud as the normed hidden state beside which it is heard, whose length is the root of the width.
        pointer.o_proj.weight[:, number] = mixing * math.sqrt(table.shape[1]) / pointer.heads


@torch.no_grad()
def _tell_notes_apart(model: Any) -> None:
    """Begin the pointer with keys in which what a note says is as large as a normed hidden state."""
    pointer = model.model.language_model.layers[-1]
    pointer.k_proj.weight[:, -NOTE_FEATURES:] *= math.sqrt(pointer.k_proj.in_features)


@torch.no_grad()
def _look_near(model: Any) -> None:
    """Begin the first head of every ordinary layer as one that gathers the last few tokens.

    Equal biases of query and key on one half of the rotary pairs add strength^2 sum_i cos(theta_i d) to the
    score of a token d back, which is largest nearby. What was just named, and how much of a box is written,
    is so at hand from the first step, and the pointer can learn to ask for it.

    References:
        Su et al., RoFormer, arXiv 2104.09864, section 3.4.3 (the long-term decay of this sum).
    """
    for layer in model.model.language_model.layers[:-1]:
        attention = layer.self_attn
        head, half = slice(0, attention.head_dim), slice(0, attention.head_dim // 2)
        passed = torch.linalg.qr(torch.randn(attention.hidden_size, attention.head_dim))[0]
        for matched in (attention.q_proj, attention.k_proj):
            matched.weight[head] *= 0.1
            matched.bias[half] = NEARNESS
        attention.v_proj.weight[head] = passed.T
        attention.o_proj.weight[:, head] = passed
