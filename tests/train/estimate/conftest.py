"""Tiny random networks of every family that an estimate knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")
GRID = (1, 16, 8)
TILES = 2
PATCHES = 128
"""Of the picture that `see` shows, in each family's own way."""


@pytest.fixture(scope="session")
def network(build_tiny: Callable[..., Any]) -> Callable[[str], Any]:
    """`network(family)`: a transformers model whose attention is plain matrix products."""

    def build(kind: str) -> Any:
        special = {"internvl": _internvl, "finesight_nano": _nano}.get(kind)
        model = special() if special else build_tiny(kind).family.model
        model.set_attn_implementation("eager")
        return model.train()

    return build


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, network: Callable[[str], Any]) -> Any:
    """A network of each family in turn."""
    return network(request.param)


@pytest.fixture(scope="session")
def counted() -> Callable[..., int]:
    """`counted(result, backward=False)`: operations while `result()` makes a tensor and its gradients."""
    return _counted


@pytest.fixture(scope="session")
def see() -> Callable[[Any], Any]:
    """`see(model)`: everything a vision tower says of a picture of 128 patches."""
    return _see


def _counted(result: Any, backward: bool = False) -> int:
    """What torch counts while `result()` makes a tensor and, where asked for, its gradients."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        made = result()
        if backward:
            made.sum().backward()
    return int(counter.get_total_flops())


def _see(model: Any) -> Any:
    """Everything a vision tower says of PATCHES patches."""
    import torch

    vision = model.config.vision_config
    if model.config.model_type == "internvl":
        return model.model.get_image_features(torch.randn(TILES, 3, 112, 112), return_dict=True).pooler_output
    pixels = torch.randn(PATCHES, 3 * vision.temporal_patch_size * vision.patch_size**2)
    if model.config.model_type == "finesight_nano":
        pixels = 255 * torch.rand(PATCHES // 4, 3 * 28 * 28)
    found = model.model.get_image_features(pixels, torch.tensor([GRID]), return_dict=True)
    deep = [part for layer in getattr(found, "deepstack_features", None) or [] for part in layer]
    return torch.cat([part.reshape(-1) for part in (*found.pooler_output, *deep)])


def _internvl() -> Any:
    from transformers import AutoModelForImageTextToText, InternVLConfig

    text = {
        "model_type": "qwen2",
        "vocab_size": 300,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    vision = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "image_size": [112, 112],
        "patch_size": [14, 14],
    }
    config = InternVLConfig(text_config=text, vision_config=vision, image_token_id=3, image_seq_length=16)
    return AutoModelForImageTextToText.from_config(config)


def _nano() -> Any:
    from finesight.model.nano.modeling import NanoConfig, NanoForConditionalGeneration

    text = {
        "vocab_size": 300,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 8, 8]},
    }
    vision = {"encoder_width": 128, "encoder_layers": 2, "encoder_heads": 2, "out_hidden_size": 128}
    config = NanoConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)
    return NanoForConditionalGeneration(config)
