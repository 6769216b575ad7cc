"""Formulas against torch's own counter.

The counter sees matrix products as they are done. Plain ("eager") attention multiplies every token with every
other one and masks afterwards, so in these tests a token attends to the whole sequence: `attended` is the
square of the length, where the real workload of a causal sequence has about half of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from finesight.schema.workload import Workload
from finesight.train.estimate import ModelSize, Recipe, flops, forward_flops, hours

LENGTH, ANSWERS, BATCH = 40, 9, 2
PATCHES = 128
"""Of the picture that `see` shows."""
TEXT = Workload(
    layout="separate",
    questions=BATCH,
    sequences=BATCH,
    images=0,
    patches=0,
    tokens=BATCH * LENGTH,
    attended=BATCH * LENGTH**2,
    answers=ANSWERS,
)
PICTURE = Workload(
    layout="separate", questions=0, sequences=0, images=1, patches=PATCHES, tokens=0, attended=0, answers=0
)
BOTH = TEXT.model_copy(update={"images": 1, "patches": PATCHES})


def decode(model: Any) -> Any:
    """Logits of some answer tokens of a batch."""
    import torch

    embedded = torch.randn(BATCH, LENGTH, model.config.text_config.hidden_size, requires_grad=True)
    shape = (BATCH, LENGTH) if model.config.model_type == "internvl" else (3, BATCH, LENGTH)
    states = model.model.language_model(
        inputs_embeds=embedded, position_ids=torch.arange(LENGTH).expand(shape), use_cache=False
    )
    return model.lm_head(states.last_hidden_state[0, :ANSWERS])


def size_of(model: Any) -> ModelSize:
    return ModelSize.from_config(model.config.to_dict())


def test_a_forward_of_the_decoder_is_what_torch_counts(model, counted):
    estimate = forward_flops(size_of(model), TEXT)
    assert estimate.vision == 0
    assert counted(lambda: decode(model)) == pytest.approx(estimate.total, rel=0.02)


def test_a_training_step_of_the_decoder_is_what_torch_counts(model, counted):
    estimate = flops(size_of(model), TEXT, Recipe())
    assert counted(lambda: decode(model), backward=True) == pytest.approx(estimate.total, rel=0.02)


def test_a_forward_of_the_vision_tower_is_what_torch_counts(model, counted, see):
    estimate = forward_flops(size_of(model), PICTURE)
    assert estimate.decoder == estimate.head == 0
    assert counted(lambda: see(model)) == pytest.approx(estimate.total, rel=0.02)


def test_a_training_step_of_the_vision_tower_is_what_torch_counts(model, counted, see):
    # What is counted of a nano is its encoder: the trunk is frozen by default.
    if model.config.model_type == "finesight_nano":
        model.model.visual.trunk.requires_grad_(False)
    estimate = flops(size_of(model), PICTURE, Recipe(train_vision=True))
    assert counted(lambda: see(model), backward=True) == pytest.approx(estimate.total, rel=0.02)


def test_gradient_checkpointing_costs_torch_one_more_forward_of_the_decoder(network, counted):
    from torch.utils.checkpoint import checkpoint

    model = network("qwen2_5_vl")
    plain = counted(lambda: decode(model), backward=True)
    for layer in model.model.language_model.layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    estimate = flops(size_of(model), TEXT, Recipe(gradient_checkpointing=True))
    again = counted(lambda: decode(model), backward=True)
    assert again == pytest.approx(estimate.total, rel=0.02)
    assert again > 1.2 * plain


def test_a_frozen_decoder_with_adapters_is_what_torch_counts(network, counted):
    from torch import nn

    rank, model = 4, network("qwen2_5_vl")
    model.requires_grad_(False)

    class Adapted(nn.Module):
        def __init__(self, frozen: nn.Linear) -> None:
            super().__init__()
            self.frozen = frozen
            self.down = nn.Linear(frozen.in_features, rank, bias=False)
            self.up = nn.Linear(rank, frozen.out_features, bias=False)

        def forward(self, x: Any) -> Any:
            return self.frozen(x) + self.up(self.down(x))

    for module in list(model.model.language_model.layers.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and not isinstance(module, Adapted):
                setattr(module, name, Adapted(child))
    estimate = flops(size_of(model), TEXT, Recipe(lora_rank=rank))
    assert counted(lambda: decode(model), backward=True) == pytest.approx(estimate.total, rel=0.02)
    assert estimate.total < 0.9 * flops(size_of(model), TEXT, Recipe()).total


def test_a_frozen_tower_costs_a_forward_and_a_chunked_head_one_more(network):
    size = size_of(network("qwen2_5_vl"))
    forward = forward_flops(size, BOTH)
    assert flops(size, BOTH, Recipe()).vision == forward.vision
    assert flops(size, BOTH, Recipe(head_chunk=4)).head == 4 * forward.head


def test_hours_shrink_with_every_gpu_and_with_utilisation():
    assert hours(3.6e18, peak_tflops=100, gpus=1, utilisation=1.0) == pytest.approx(10)
    assert hours(3.6e18, peak_tflops=100, gpus=8, utilisation=0.5) == pytest.approx(2.5)
