"""Sizes of published models, with the dimensions of their config.json, for when no folder is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finesight.errors import ModelError
from finesight.train.estimate.size import ModelSize

_QWEN2_5_VISION: dict[str, Any] = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
_QWEN2_5_7B: dict[str, Any] = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}
_QWEN2_5_3B: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
}
_CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2-vl-7b": {
        "model_type": "qwen2_vl",
        "text_config": _QWEN2_5_7B | {"vocab_size": 152064},
        "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16},
    },
    "qwen2.5-vl-7b": {
        "model_type": "qwen2_5_vl",
        "text_config": _QWEN2_5_7B | {"vocab_size": 152064},
        "vision_config": _QWEN2_5_VISION,
    },
    "qwen2.5-vl-3b": {
        "model_type": "qwen2_5_vl",
        "text_config": _QWEN2_5_3B | {"vocab_size": 151936},
        "vision_config": _QWEN2_5_VISION,
        "tie_word_embeddings": True,
    },
    "internvl3-8b": {
        "model_type": "internvl",
        "text_config": _QWEN2_5_7B | {"vocab_size": 151674},
        "vision_config": {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": [448, 448],
            "patch_size": [14, 14],
        },
    },
}

MODEL_SIZES: dict[str, ModelSize] = {name: ModelSize.from_config(c) for name, c in _CONFIGS.items()}
"""By name: the hub id without its owner and its ending, in lower case."""


def find_size(where: str) -> ModelSize:
    """The size of a model folder, or of the published model whose name a hub id holds.

    Raises:
        ModelError: neither is there, or the folder's config.json cannot be read.
    """
    file = Path(where) / "config.json"
    if file.is_file():
        try:
            return ModelSize.from_config(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read ({error}); give a model folder") from error
    for name, size in MODEL_SIZES.items():
        if name in where.lower():
            return size
    raise ModelError(
        f"{where}: no folder with a config.json, and none of the sizes known by name "
        f"({', '.join(MODEL_SIZES)}); download the model's config.json and give its folder"
    )
