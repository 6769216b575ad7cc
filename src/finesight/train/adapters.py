"""LoRA: small trained matrices beside frozen ones, put on and taken off through peft."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel

from finesight.errors import ConfigError
from finesight.model.load import LoadedModel
from finesight.train.settings import LoraSettings


def add_adapters(model: LoadedModel, settings: LoraSettings, seed: int) -> PeftModel:
    """Put adapters on the decoder's layers, in place, and freeze all else.

    Raises:
        ConfigError: the decoder has no layer of those names.
    """
    names = "|".join(map(re.escape, settings.layers))
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=rf".*language_model\..*\.({names})",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return PeftModel(model.family.model, config)
        except ValueError as error:
            raise ConfigError(f"lora.layers: {error}") from error


def save_adapters(adapted: PeftModel, weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Write a folder that peft reads.

    Args:
        weights: full weights by name, as of `adapted.base_model.model`.
    """
    named = {f"base_model.model.{name}": tensor for name, tensor in weights.items()}
    with warnings.catch_warnings():  # peft asks the hub for the base's vocabulary, which adapters leave alone
        warnings.simplefilter("ignore")
        adapted.save_pretrained(str(folder), state_dict=named, save_embedding_layers=False)


def merge_adapters(base: LoadedModel, folder: Path) -> None:
    """Add the adapters of a folder to the weights of the model they were trained on."""
    base.family.model = PeftModel.from_pretrained(base.family.model, folder).merge_and_unload()
