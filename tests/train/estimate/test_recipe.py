"""The recipe an estimate assumes is that of the run, and its size that of the model the run trains."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from finesight.errors import ModelError
from finesight.train.estimate import MODEL_SIZES, ModelSize, Recipe, recipe_of, size_of
from finesight.train.sft import SftConfig


def config(**fields) -> SftConfig:
    return SftConfig(data="d", out="o", steps=1, **fields)


def test_a_frozen_tower_is_not_trained_and_the_encoder_of_a_nano_is():
    qwen = config(model="Qwen/Qwen2.5-VL-7B-Instruct", frozen=("vision", "projector"))
    assert not recipe_of(qwen, size_of(qwen), gpus=1).train_vision
    assert recipe_of(qwen.model_copy(update={"frozen": ("vision",)}), size_of(qwen), gpus=1).train_vision
    assert recipe_of(config(), size_of(config()), gpus=1).train_vision


@pytest.mark.parametrize(("gpus", "sequences"), [(1, 16), (8, 2), (3, 6), (32, 1)])
def test_pictures_are_shared_out_among_the_gpus_and_states_if_they_are_sharded(gpus, sequences):
    recipe = recipe_of(config(batch=16, distribution="fsdp"), size_of(config()), gpus)
    assert (recipe.sequences, recipe.shards) == (sequences, gpus)
    assert recipe_of(config(batch=16), size_of(config()), gpus).shards == 1


def test_the_recipe_is_that_of_the_config():
    plain = recipe_of(config(), size_of(config()), 1)
    assert (plain.precision, plain.lora_rank, plain.gradient_checkpointing) == ("fp32", 0, False)
    given = config(
        model="Qwen/Qwen2.5-VL-7B-Instruct",
        lora={"rank": 8},
        precision="bf16",
        gradient_checkpointing=True,
        tokens_per_pass=9000,
    )
    recipe = recipe_of(given, size_of(given), 8)
    assert (recipe.precision, recipe.lora_rank, recipe.gradient_checkpointing) == ("bf16", 8, True)
    assert (recipe.token_budget, recipe.train_vision) == (9000, False)
    assert recipe.head_chunk == 441  # logits of 152,064 words that fit into 256 MB


@pytest.mark.parametrize("name", MODEL_SIZES)
def test_a_published_model_is_known_by_any_hub_id_that_holds_its_name(name):
    assert size_of(config(model=f"someone/{name.upper()}-Instruct")) == MODEL_SIZES[name]


def test_the_size_of_a_new_nano_is_that_of_the_one_that_is_built(tokenizer):
    from finesight.model.nano.build import NanoSize, build_nano

    nano = NanoSize(width=96, layers=3, heads=2, encoder_layers=1)
    built = build_nano(nano, tokenizer, 0).family.model
    size = ModelSize.from_config(built.config.to_dict())
    assert size_of(config(nano=nano, vocabulary=size.vocabulary)) == size


def test_the_size_of_a_folder_is_read_from_its_config(tmp_path, network):
    model = network("qwen3_vl")
    (tmp_path / "config.json").write_text(json.dumps(model.config.to_dict(), default=str), encoding="utf-8")
    assert size_of(config(model=str(tmp_path))) == ModelSize.from_config(model.config.to_dict())


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "cannot be read"), ('{"model_type": "gpt2"}', "'gpt2' is not known"), (None, "no folder with a")],
)
def test_a_model_without_a_size_is_an_error_that_says_what_to_do(tmp_path, text, why):
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=why):
        size_of(config(model=str(tmp_path)))


def test_a_dimension_that_is_missing_is_named(tmp_path):
    given = {"model_type": "qwen2_5_vl", "text_config": {"hidden_size": 4}, "vision_config": {}}
    (tmp_path / "config.json").write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(ModelError, match="without 'num_attention_heads'"):
        size_of(config(model=str(tmp_path)))


@pytest.mark.parametrize(
    "wrong", [{"shards": 0}, {"lora_rank": -1}, {"precision": "int8"}, {"sequences": 0}, {"lora": 8}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        Recipe(**wrong)
