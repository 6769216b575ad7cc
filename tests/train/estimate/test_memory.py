"""Bytes on a GPU: weights counted in real networks, activations in what autograd keeps, the rest by its parts."""

from __future__ import annotations

from typing import Any

import pytest

from finesight.schema.workload import Workload
from finesight.train.estimate import Memory, ModelSize, Recipe, find_size, memory, trained_weights
from finesight.train.estimate.memory import decoder_layer_bytes, pass_tokens
from finesight.train.estimate.recipe import BYTES

SIZE = find_size("Qwen2.5-VL-7B")
WORK = Workload(
    layout="merge",
    questions=40,
    sequences=10,
    images=10,
    patches=10 * 4800,
    tokens=10 * 1600,
    attended=10 * 1600 * 801,
    answers=10 * 200,
)
LENGTH = 64


def size_of(model: Any) -> ModelSize:
    return ModelSize.from_config(model.config.to_dict())


def of(**recipe: Any) -> Memory:
    return memory(SIZE, WORK, Recipe(**recipe))


def test_weights_are_the_matrices_a_network_has(model):
    matrices = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    kind = model.config.model_type
    if kind == "internvl":
        # A token for masked pictures, which no pass has.
        matrices -= model.config.vision_config.hidden_size
    # Of nano's trunk all weights are counted, of its projector about what it has.
    assert size_of(model).weights == pytest.approx(matrices, rel=0.01 if kind == "finesight_nano" else 0)


def test_a_published_size_is_the_one_on_the_model_card():
    """8.29 G weights: the figure of Qwen2.5-VL-7B's safetensors index, 16.58 GB in bf16."""
    assert SIZE.weights * 2 / 1e9 == pytest.approx(16.58, rel=0.001)


def test_what_is_trained_is_what_has_a_gradient(model):
    size = size_of(model)
    decoder = sum(
        p.numel()
        for name, p in model.named_parameters()
        if p.ndim > 1 and ("language_model" in name or "lm_head" in name)
    )
    assert trained_weights(size, Recipe()) == decoder
    both = trained_weights(size, Recipe(train_vision=True))
    frozen = 0 if size.vision.trained_stem else size.vision.stem_weights
    assert both == size.weights - frozen


@pytest.mark.parametrize("rank", [1, 8])
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_adapters_have_the_weights_that_peft_gives_them(network, rank):
    from peft import LoraConfig, get_peft_model

    model = network("qwen2_5_vl")
    size = size_of(model)
    adapted = get_peft_model(model, LoraConfig(r=rank, target_modules=r".*language_model.*_proj"))
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert trained_weights(size, Recipe(lora_rank=rank)) == trained == size.adapter_weights(rank)


def test_activations_are_what_autograd_keeps(model):
    """Between nothing and three numbers a channel too few: the formula leaves out the norm behind the layers."""
    import torch

    model.set_attn_implementation("sdpa")
    size, flat = size_of(model), model.config.model_type == "internvl"
    embedded = torch.randn(1, LENGTH, size.hidden, requires_grad=True)
    positions = torch.arange(LENGTH).expand((1, LENGTH) if flat else (3, 1, LENGTH))
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    # The tensors are held on to, or a place in memory would be used and counted twice.
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        states = model.model.language_model(
            inputs_embeds=embedded, position_ids=positions, use_cache=False
        ).last_hidden_state
    assert states.grad_fn is not None
    bytes_a_token = sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / LENGTH
    layer = decoder_layer_bytes(size, BYTES["fp32"])
    if size.bare:
        layers = (bytes_a_token - 12 * size.hidden) / layer
        assert size.layers - size.bare <= layers <= size.layers
    else:
        assert 0 <= bytes_a_token - size.layers * layer <= 12 * size.hidden


def test_states_are_split_over_the_gpus_and_the_rest_is_not():
    one, eight = of(), of(shards=8)
    for part in ("gradients", "optimiser"):
        assert getattr(eight, part) == getattr(one, part) / 8
    for part in ("activations", "logits", "features", "runtime"):
        assert getattr(eight, part) == getattr(one, part)
    assert one.gathered == 0 < eight.gathered < one.weights
    assert eight.total < one.total


def test_of_weights_a_share_is_kept_but_of_a_tower_whose_features_are_kept_all():
    """As FSDP2 has them (ranks.py): trained weights in 32 bits and in shares, which in bf16 the optimiser counts."""
    trained, tower = trained_weights(SIZE, Recipe()), SIZE.vision.weights
    assert trained + tower == SIZE.weights
    assert of(shards=8).weights == 2 * tower
    assert of(shards=8, precision="fp32").weights == 4 * (tower + trained / 8)
    assert of(shards=8, train_vision=True).weights == 0
    adapters = SIZE.adapter_weights(16)
    assert of(shards=8, lora_rank=16).weights == 2 * (tower + trained / 8)
    assert of(shards=8, lora_rank=16).optimiser == 12 * adapters / 8


def test_states_have_the_bytes_of_their_precision():
    trained = trained_weights(SIZE, Recipe())
    half, whole = of(precision="bf16"), of(precision="fp32")
    assert (half.weights, whole.weights) == (2 * SIZE.weights, 4 * SIZE.weights)
    # Two states of Adam, and in bf16 the weights once more in 32 bits.
    assert (half.optimiser, whole.optimiser) == (12 * trained, 8 * trained)
    assert (half.gradients, whole.gradients) == (4 * trained, 4 * trained)


def test_checkpointing_keeps_what_enters_each_layer_and_all_of_one():
    layer, entry = decoder_layer_bytes(SIZE, BYTES["bf16"]), 2 * SIZE.hidden
    assert of().activations == SIZE.layers * layer * 1600
    assert of(gradient_checkpointing=True).activations == (SIZE.layers * entry + layer) * 1600


def test_adapters_need_no_gradient_and_no_state_of_what_is_frozen():
    lora = of(lora_rank=8)
    adapters = SIZE.adapter_weights(8)
    assert (lora.gradients, lora.optimiser) == (4 * adapters, 12 * adapters)
    assert lora.weights == 2 * (SIZE.weights + adapters)


def test_a_pass_is_its_sequences_or_its_budget_but_never_less_than_one():
    assert pass_tokens(WORK, Recipe(sequences=3)) == 4800
    assert pass_tokens(WORK, Recipe(token_budget=4096)) == 4096
    assert pass_tokens(WORK, Recipe(token_budget=100)) == 1600
    assert of(sequences=3).activations == 3 * of().activations


def test_logits_stand_three_times_in_32_bits_for_a_chunk_of_answers():
    assert of().logits == 200 * SIZE.vocabulary * 3 * 4
    assert of(head_chunk=64).logits == 64 * SIZE.vocabulary * 3 * 4
    assert of(head_chunk=1000).logits == of().logits


def test_features_are_kept_of_a_frozen_tower_only():
    assert of().features == 1200 * SIZE.vision.kept * 2
    trained = of(train_vision=True)
    assert trained.features == 0
    assert trained.activations > of().activations


def test_the_total_is_the_sum_of_the_parts():
    held = of(shards=8)
    assert held.total == sum(held.model_dump(exclude={"total"}).values())
