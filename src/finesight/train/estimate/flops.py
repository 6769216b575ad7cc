"""Floating-point operations of a pass over a workload, by formula: 2 a multiply-add.

Matrix products and attention are counted, as in Kaplan et al. (arXiv 2001.08361, section 2.1) and Chowdhery
et al. (PaLM, arXiv 2204.02311, appendix B); norms, rotations and softmax are not. A pair of tokens costs one
product with the key and one with the value. What a fused kernel recomputes in its backward is not counted.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, computed_field

from finesight.schema.workload import Workload
from finesight.train.estimate.recipe import Recipe
from finesight.train.estimate.size import ModelSize


class Flops(BaseModel):
    """Floating-point operations of vision tower, decoder (its head left out) and head."""

    model_config = ConfigDict(frozen=True)

    vision: float
    decoder: float
    head: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> float:
        return self.vision + self.decoder + self.head


def forward_flops(size: ModelSize, workload: Workload) -> Flops:
    """One forward pass: every picture encoded, every token decoded, the head on answers only."""
    return Flops(
        vision=_stem(size, workload) + _tower(size, workload),
        decoder=_matrices(size, workload) + _attention(size, workload),
        head=_head(size, workload),
    )


def flops(size: ModelSize, workload: Workload, recipe: Recipe | None = None) -> Flops:
    """One epoch of training: forward, backward, and what is computed again to save memory.

    A backward is one product for the gradient of the input and one for that of the weights, so a trained
    matrix costs three forwards, a frozen one with a gradient to pass on two, and a part with nothing
    trained in or before it one. Attention has no weights and two inputs a product: three. Checkpointing
    computes a layer again but for its last product, whose result nobody needs (torch stops early there).
    """
    recipe = recipe or Recipe()
    vision = _stem(size, workload) + _tower(size, workload)
    if recipe.train_vision:
        # Pixels have no gradient, so a stem has one product less; nor has what a frozen stem hands on.
        if size.vision.trained_stem:
            vision = 2 * _stem(size, workload) + 3 * _tower(size, workload)
        else:
            vision = _stem(size, workload) + 3 * _tower(size, workload) - _entry(size, workload)
    matrices = (2 if recipe.lora_rank else 3) * _matrices(size, workload)
    adapters = 3 * 2 * size.adapter_weights(recipe.lora_rank) * workload.tokens
    decoder = matrices + adapters + 3 * _attention(size, workload)
    if recipe.gradient_checkpointing:
        vision += _layers_again(size, workload) if recipe.train_vision else 0
        decoder += _decoder_again(size, workload) + adapters / 3
    head_passes = (2 if recipe.lora_rank else 3) + (1 if recipe.head_chunk else 0)
    return Flops(vision=vision, decoder=decoder, head=head_passes * _head(size, workload))


def hours(operations: float, peak_tflops: float, gpus: int, utilisation: float) -> float:
    """Wall time of operations on GPUs that reach a share `utilisation` of their peak."""
    return operations / (peak_tflops * 1e12 * gpus * utilisation) / 3600


def _stem(size: ModelSize, workload: Workload) -> float:
    return 2 * size.vision.stem * workload.patches / size.vision.start


def _tower(size: ModelSize, workload: Workload) -> float:
    projected = sum(m.weights for m in size.vision.projectors) * workload.patches / size.vision.merge**2
    return _layers(size, workload) + 2 * projected


def _entry(size: ModelSize, workload: Workload) -> float:
    """The first matrix behind a stem that stays frozen."""
    return 2 * size.vision.projectors[0].weights * workload.patches / size.vision.merge**2


def _layers(size: ModelSize, workload: Workload) -> float:
    vision = size.vision
    matrices = vision.depth * sum(m.weights for m in vision.layer) * vision.tokens(workload.patches)
    return 2 * (matrices + 2 * vision.width * vision.attended(workload.patches, workload.images))


def _layers_again(size: ModelSize, workload: Workload) -> float:
    closing = size.vision.depth * size.vision.layer[-1].weights
    return _layers(size, workload) - 2 * closing * size.vision.tokens(workload.patches)


def _matrices(size: ModelSize, workload: Workload) -> float:
    return 2 * size.decoder_weights * workload.tokens


def _decoder_again(size: ModelSize, workload: Workload) -> float:
    closing = 2 * size.closing_weights * workload.tokens
    return _matrices(size, workload) + _attention(size, workload) - closing


def _attention(size: ModelSize, workload: Workload) -> float:
    return 2 * 2 * size.layers * size.heads * size.head_dim * workload.attended


def _head(size: ModelSize, workload: Workload) -> float:
    return 2 * size.head_weights * workload.answers
