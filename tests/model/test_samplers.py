from __future__ import annotations

import os

import pytest
import torch

from finesight.model.generate import TreeGenerator
from finesight.model.load import save_model
from finesight.model.samplers import load_sampler, mark_of_weights
from finesight.model.scripted import ScriptedGenerator
from finesight.model.server import ServerGenerator


def test_a_folder_a_script_and_a_server_are_told_apart(tiny, tmp_path):
    save_model(tiny("finesight_nano"), tmp_path / "model")
    sampler = load_sampler(str(tmp_path / "model"), rows=5, device="cpu")
    assert isinstance(sampler, TreeGenerator)
    assert sampler.rows == 5
    (tmp_path / "answers.jsonl").write_text('"a"\n')
    assert isinstance(load_sampler(f"scripted:{tmp_path / 'answers.jsonl'}"), ScriptedGenerator)
    server = load_sampler("server:http://127.0.0.1:9/v1#policy")
    assert isinstance(server, ServerGenerator)


@pytest.mark.parametrize(
    ("family", "dtype"), [("qwen2_5_vl", torch.bfloat16), ("finesight_nano", torch.float32)]
)
def test_weights_may_have_sixteen_bits_but_for_nanos(tiny, tmp_path, family, dtype):
    save_model(tiny(family), tmp_path / "model")
    sampler = load_sampler(str(tmp_path / "model"), device="cpu", bf16=True)
    assert {p.dtype for p in sampler.model.family.model.parameters()} == {dtype}


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_other_weights_have_another_mark_and_copies_the_same(tmp_path, size):
    folder, copy = tmp_path / "a", tmp_path / "b"
    content = os.urandom(size)
    for place in (folder, copy):
        place.mkdir()
        (place / "model.safetensors").write_bytes(content)
        (place / "config.json").write_text("{}")
    os.utime(copy / "model.safetensors", (1, 1))
    mark = mark_of_weights(str(folder))
    assert mark_of_weights(str(copy)) == mark
    (copy / "model.safetensors").write_bytes(bytes(b ^ 1 for b in content))
    assert mark_of_weights(str(copy)) != mark
    (copy / "model.safetensors").write_bytes(content)
    (copy / "config.json").write_text("{ }")
    assert mark_of_weights(str(copy)) != mark


def test_what_is_not_here_has_no_mark(tmp_path):
    assert mark_of_weights("Qwen/Qwen2.5-VL-3B-Instruct") == ""
    (tmp_path / "a.jsonl").write_text('"a"\n')
    assert mark_of_weights(f"scripted:{tmp_path / 'a.jsonl'}")
