from __future__ import annotations

import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from finesight.errors import ConfigError
from finesight.model.load import load_model, save_model
from finesight.train import sft
from finesight.train.parts import FrozenGuard
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics


@pytest.fixture
def lora(tiny, training_set, settings_for, tmp_path):
    """`lora(**fields)`: the config of a run with adapters on a saved Qwen2.5-VL."""
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")

    def make(**fields):
        given = {"model": str(tmp_path / "base"), "lora": {"rank": 4}, "steps": 8, "learning_rate": 5e-3}
        return settings_for(training_set, tmp_path / "run", **(given | fields))

    return make


def test_adapters_learn_while_the_model_stays_bit_for_bit(lora, tmp_path):
    config = lora()
    session = sft.begin(config)
    named = dict(session.learner.model.family.named_parameters())
    trained = {name for name, p in named.items() if p.requires_grad}
    assert trained
    assert all("lora_" in name and ".language_model." in name for name in trained)
    optimised = {id(p) for group in session.bench.optimizer.param_groups for p in group["params"]}
    assert optimised == {id(named[name]) for name in trained}
    train_sft(config)
    rows = read_metrics(config.out)
    assert sum(r["loss"] for r in rows[-3:]) < sum(r["loss"] for r in rows[:3])
    # Nothing of the tower is trained, so its features were kept.
    assert (config.out / "features").is_dir()


def test_the_model_folder_is_the_base_with_the_adapter_merged_into_it(lora, tmp_path):
    config = lora()
    merged = load_model(train_sft(config)).family.model
    base = load_model(tmp_path / "base").family.model
    adapted = PeftModel.from_pretrained(base, config.out / "adapter").merge_and_unload()
    for name, weight in adapted.state_dict().items():
        torch.testing.assert_close(weight, merged.state_dict()[name], rtol=0, atol=1e-6)
    plain = load_file(tmp_path / "base" / "model.safetensors")
    new = load_file(config.out / "model" / "model.safetensors")
    changed = {name for name in plain if not torch.equal(plain[name], new[name])}
    assert plain.keys() == new.keys()
    assert changed
    assert all(name.split(".")[-2] in config.lora.layers for name in changed)
    settings = json.loads((config.out / "adapter" / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"]) == (4, 32)


def test_a_run_with_adapters_goes_on_to_the_same_weights(lora, tmp_path, monkeypatch):
    config = lora(checkpoint_every=3, lora={"rank": 4, "dropout": 0.2})
    with monkeypatch.context() as patch:
        patch.setattr(FrozenGuard, "check", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_sft(config)
    checkpoint = config.out / "checkpoints" / "step-00000006"
    # What is saved on the way is an adapter that peft loads.
    PeftModel.from_pretrained(load_model(tmp_path / "base").family.model, checkpoint / "adapter")
    resumed = load_file(train_sft(config, resume=True) / "model.safetensors")
    whole = config.model_copy(update={"out": tmp_path / "whole"})
    undisturbed = load_file(train_sft(whole) / "model.safetensors")
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in undisturbed)


def test_layers_that_are_not_there_are_named(lora):
    with pytest.raises(ConfigError, match=r"lora\.layers: .*nowhere"):
        sft.begin(lora(lora={"layers": ["nowhere"]}))
