"""A model folder in half the bytes: float16 on disk, computed in whatever the reader asks for."""

from __future__ import annotations

from pathlib import Path

import torch

from finesight.errors import InputError, ModelError
from finesight.model.load import load_model, save_model


def halve(model: str | Path, out: Path) -> int:
    """Write `out`, the folder of a model with its weights in float16; the size of the weights in bytes.

    Raises:
        InputError: `out` is there already. ModelError: no model there, or a weight float16 has no number for.
    """
    if out.exists():
        raise InputError(f"{out}: is there already; name another folder or delete it")
    loaded = load_model(model)
    state = loaded.family.model.state_dict()
    # What shares its memory (input and output embeddings) goes on sharing it, and is written once.
    halves = {tensor.data_ptr(): _halved(name, tensor) for name, tensor in state.items()}
    weights = {name: halves[tensor.data_ptr()] for name, tensor in state.items()}
    loaded.family.model.config.dtype = torch.float16
    save_model(loaded, out, weights)
    return sum(file.stat().st_size for file in out.glob("*.safetensors"))


def _halved(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise ModelError(
            f"{name} holds {tensor.abs().max().item():.3g}, which is beyond float16; keep float32"
        )
    return half
