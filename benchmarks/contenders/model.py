"""A tiny Qwen2.5-VL with random weights, in a folder that every contender loads."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText

from contenders.data import CELL
from finesight.model.coordinates import Coordinates
from finesight.model.load import ModelDescription, assemble, save_model
from finesight.model.nano.tokenizer import train_tokenizer
from finesight.model.vision import ResizePolicy
from finesight.train.examples import read_folder


def build_model(data: Path, out: Path, width: int, image_tokens: int, seed: int) -> int:
    """Write one to `out`: vision 6 x `width`, text 4 x `width`, the data's own words. Returns its parameters."""
    samples = list(read_folder(data))
    tokenizer = train_tokenizer((text for s in samples for text in (s.question, s.answer)), 4096)
    ids = tokenizer.convert_tokens_to_ids
    config = AutoConfig.for_model(
        "qwen2_5_vl",
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_hidden_layers": 4,
            "num_attention_heads": width // 32,
            "num_key_value_heads": width // 64,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0},
            "bos_token_id": None,
            "eos_token_id": ids("<|im_end|>"),
            "pad_token_id": ids("<|endoftext|>"),
        },
        vision_config={
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "out_hidden_size": width,
            "depth": 6,
            "num_heads": width // 32,
            "fullatt_block_indexes": [2, 5],
        },
        tie_word_embeddings=False,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    transformers.logging.disable_progress_bar()
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config)
    for parameter in model.parameters():
        # At their initial size attention is all but uniform, and wrong sight would hardly move the loss.
        if parameter.ndim > 1:
            parameter.data.mul_(3)
    # The pictures come in exactly as large as they are.
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=image_tokens * CELL * CELL)
    description = ModelDescription(name="tiny", coordinates=Coordinates.THOUSANDTHS, policy=policy)
    save_model(assemble(model, tokenizer, description), out)
    return sum(p.numel() for p in model.parameters())
