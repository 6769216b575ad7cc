"""How a model is trained, as far as work and memory go; made from a config in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from finesight.model.head import CHUNK_LOGITS
from finesight.train.estimate.published import find_size
from finesight.train.estimate.size import ModelSize

if TYPE_CHECKING:
    from finesight.train.settings import SftConfig

Precision = Literal["fp32", "bf16"]


class Bytes(NamedTuple):
    """Bytes a number, by what it belongs to; `optimiser` counts all states of a trained weight."""

    weight: int
    gradient: int
    optimiser: int
    activation: int


BYTES: dict[Precision, Bytes] = {
    "fp32": Bytes(weight=4, gradient=4, optimiser=8, activation=4),
    # Micikevicius et al., arXiv 1710.03740: the optimiser has its two states and a copy of the weights in 32 bits.
    # Gradients are those of that copy.
    "bf16": Bytes(weight=2, gradient=4, optimiser=12, activation=2),
}


class Recipe(BaseModel):
    """What is trained, in which numbers, and how much of it stands on one GPU at a time.

    train_vision: the vision tower is trained with the decoder; else its features are computed forward only.
    lora_rank: rank of adapters on every linear layer of the decoder, all else frozen; 0: all of it trained.
    head_chunk: answer tokens whose logits stand in memory at a time, computed again in the backward; 0: all.
    token_budget: tokens of a pass on one GPU; 0: as many as `sequences` of the layout's mean length have.
    shards: GPUs over which weights, gradients and optimiser states are split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_vision: bool = False
    lora_rank: int = Field(default=0, ge=0)
    precision: Precision = "bf16"
    gradient_checkpointing: bool = False
    head_chunk: int = Field(default=0, ge=0)
    sequences: int = Field(default=1, gt=0)
    token_budget: int = Field(default=0, ge=0)
    shards: int = Field(default=1, gt=0)

    def keeps_features(self, size: ModelSize) -> bool:
        """Whether a frozen part sees each picture once and what it says is kept."""
        return not (self.train_vision and size.vision.trained_stem)


def size_of(config: SftConfig) -> ModelSize:
    """The size of the model a config starts from, or of the new nano it builds.

    Raises:
        ModelError: a model whose size is not known.
    """
    if config.model:
        return find_size(config.model)
    nano = config.nano
    text = {
        "hidden_size": nano.width,
        "intermediate_size": 2 * nano.width,
        # The pointer at the end of the decoder is a layer that `layers` does not count.
        "num_hidden_layers": nano.layers + 1,
        "num_attention_heads": nano.heads,
        "vocab_size": config.vocabulary,
    }
    vision = {
        "encoder_width": nano.width,
        "encoder_layers": nano.encoder_layers,
        "encoder_heads": nano.heads,
    }
    return ModelSize.from_config(
        {
            "model_type": "finesight_nano",
            "text_config": text,
            "vision_config": vision,
            "tie_word_embeddings": True,
        }
    )


def recipe_of(config: SftConfig, size: ModelSize, gpus: int) -> Recipe:
    """The recipe of `train sft`, its pictures and its weights shared out among GPUs."""
    return Recipe(
        # Behind nano's trunk there is an encoder, which learns with the decoder. Elsewhere a tower of which one part
        # is trained is counted as trained: a projector alone is too small a part of it to matter.
        train_vision=not (config.lora or {"vision", "projector"} <= set(config.frozen)),
        lora_rank=config.lora.rank if config.lora else 0,
        precision=config.precision,
        gradient_checkpointing=config.gradient_checkpointing,
        # Logits stand there a chunk at a time (see model/head).
        head_chunk=max(1, CHUNK_LOGITS // size.vocabulary),
        sequences=-(-config.batch // gpus),
        token_budget=config.tokens_per_pass,
        shards=gpus if config.distribution == "fsdp" else 1,
    )
