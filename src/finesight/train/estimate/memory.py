"""Bytes on one GPU, by what they are for.

States are those of a run that splits weights, gradients and optimiser states over its GPUs (ZeRO stage 3,
Rajbhandari et al., arXiv 1910.02054, section 5; PyTorch's FSDP). Activations are what autograd keeps for the
backward of transformers' layers with a fused attention, which has no square of the length; counting them and
dropping them by checkpointing follow Korthikanti et al., arXiv 2205.05198, sections 4 and 5.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, computed_field

from finesight.schema.workload import Workload
from finesight.train.estimate.recipe import BYTES, Bytes, Recipe
from finesight.train.estimate.size import ModelSize, VisionSize

RUNTIME_BYTES = 1.5e9
"""CUDA context, libraries and communication buffers: an assumption, near what NCCL and cuBLAS take."""
LOGIT_COPIES = 3
"""Logits, their log-softmax and its gradient stand in memory together, in 32 bits."""


class Memory(BaseModel):
    """Bytes on one GPU. gathered: what a sharded run holds whole for the layer at work; features: of the
    pictures of a pass, where their tower is frozen."""

    model_config = ConfigDict(frozen=True)

    weights: float
    gradients: float
    optimiser: float
    gathered: float
    activations: float
    logits: float
    features: float
    runtime: float = RUNTIME_BYTES

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> float:
        return float(sum(getattr(self, name) for name in type(self).model_fields))


def memory(size: ModelSize, workload: Workload, recipe: Recipe) -> Memory:
    """What a GPU holds at the worst moment of a pass over sequences of a layout's mean length."""
    width = BYTES[recipe.precision]
    trained = trained_weights(size, recipe)
    tokens = pass_tokens(workload, recipe)
    share = tokens / workload.tokens
    image_tokens = share * workload.patches / size.vision.merge**2
    answers = share * workload.answers
    return Memory(
        weights=_weights(size, recipe, width),
        gradients=trained * width.gradient / recipe.shards,
        optimiser=trained * width.optimiser / recipe.shards,
        gathered=_gathered(size, recipe, width),
        activations=_activations(size, recipe, width, tokens, share * workload.patches),
        logits=min(answers, recipe.head_chunk or answers) * size.vocabulary * LOGIT_COPIES * 4,
        features=image_tokens * size.vision.kept * 2 if recipe.keeps_features(size) else 0,
    )


def pass_tokens(workload: Workload, recipe: Recipe) -> float:
    """Tokens on a GPU in one pass: the budget, but never less than one sequence of mean length."""
    mean = workload.tokens / workload.sequences
    return max(mean, recipe.token_budget) if recipe.token_budget else recipe.sequences * mean


def trained_weights(size: ModelSize, recipe: Recipe) -> int:
    """How many weights have a gradient."""
    vision = size.vision.weights - (0 if size.vision.trained_stem else size.vision.stem_weights)
    decoder = size.adapter_weights(recipe.lora_rank) or size.decoder_weights + size.table_weights
    return decoder + (vision if recipe.train_vision else 0)


def _weights(size: ModelSize, recipe: Recipe, width: Bytes) -> float:
    """Weights in the width of the pass. A tower whose features are kept stays whole where the rest is split.

    In bf16 shares of trained weights are the copies that the optimiser has; what is cast of them is `gathered`.
    """
    everything = size.weights + size.adapter_weights(recipe.lora_rank)
    if recipe.shards == 1:
        return everything * width.weight
    trained = trained_weights(size, recipe)
    tower = 0 if recipe.train_vision else size.vision.weights
    if recipe.train_vision and not size.vision.trained_stem:
        tower = size.vision.stem_weights
    copied = trained if recipe.precision == "bf16" else 0
    return width.weight * (tower + (everything - tower - copied) / recipe.shards)


def _gathered(size: ModelSize, recipe: Recipe, width: Bytes) -> float:
    """Embeddings and head, which stay whole, the layer at work and the next one, and a layer's gradient."""
    if recipe.shards == 1:
        return 0
    gradient = 0 if recipe.lora_rank else size.layer_weights * width.gradient
    return (size.table_weights + 2 * size.layer_weights) * width.weight + gradient


def _activations(size: ModelSize, recipe: Recipe, width: Bytes, tokens: float, patches: float) -> float:
    decoder = _kept(size.layers, decoder_layer_bytes(size, width), size.hidden * width.activation, recipe)
    if not recipe.train_vision:
        return decoder * tokens
    vision = size.vision
    tower = _kept(vision.depth, vision_layer_bytes(vision, width), vision.width * width.activation, recipe)
    return decoder * tokens + tower * vision.tokens(int(patches))


def _kept(layers: int, layer: float, entry: float, recipe: Recipe) -> float:
    """Bytes a token: of every layer, or with checkpoints what enters each layer and all of one."""
    return layers * entry + layer if recipe.gradient_checkpointing else layers * layer


def decoder_layer_bytes(size: ModelSize, width: Bytes) -> float:
    """What autograd keeps of a token in one decoder layer.

    In 32 bits: what enters two norms, their scales, the sums of each head. In the width of activations:
    two norms before and after their weight, query, key, value, what attention found, and the four inner
    results of the gated feed-forward. Norms of the heads keep query and key as the other norms do.
    """
    query, key = size.heads * size.head_dim, size.kv_heads * size.head_dim
    numbers = 4 * size.hidden + 2 * query + 2 * key + 4 * size.intermediate
    kept = 4 * (2 * size.hidden + 2 + size.heads) + width.activation * numbers
    if size.head_norms:
        kept += (4 + width.activation) * (query + key) + 4 * (size.heads + size.kv_heads)
    return kept


def vision_layer_bytes(vision: VisionSize, width: Bytes) -> float:
    """What autograd keeps of a token in one layer of a vision tower.

    Query and key twice (before and after rotation), value, what attention found in windows and put
    together, two norms, and the inner results of the feed-forward.
    """
    inner = (4 if vision.gated else 2) * vision.intermediate
    norms = 4 * (2 * vision.width + 2) if vision.gated else 0
    return norms + 4 * vision.heads + width.activation * (11 * vision.width + inner)
