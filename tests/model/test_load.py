from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from finesight.errors import ModelError
from finesight.model.coordinates import Coordinates
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model, save_model
from finesight.model.protocol import Request
from finesight.model.vision import NanoImageInput, QwenImageInput


@pytest.fixture(scope="module")
def saved(
    tiny: Callable[[str], LoadedModel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """`saved(family)`: the folder of a tiny model, to be read only."""
    folders: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp(kind) / "model"
            save_model(tiny(kind), folders[kind])
        return folders[kind]

    return save


@pytest.fixture
def folder(saved: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a saved nano, to be broken."""
    return Path(shutil.copytree(saved("finesight_nano"), tmp_path / "model"))


def test_a_model_comes_back_from_its_folder_as_it_was(model, saved, make_noise):
    back = load_model(saved(model.family.model.config.model_type))
    assert type(back.family) is type(model.family)
    assert back.description == model.description
    assert back.chat == model.chat
    state, loaded = model.family.state_dict(), back.family.state_dict()
    assert state.keys() == loaded.keys()
    assert all(torch.equal(state[name], loaded[name]) for name in state)
    picture = make_noise(1, 200, 130)
    assert torch.equal(back.images(picture).pixel_values, model.images(picture).pixel_values)
    request = Request(picture, ("What distortion affects this region?", "Where?"))
    first, second = (TreeGenerator(m, max_new_tokens=6).generate([request]) for m in (model, back))
    # Weights of a mapped file lie at other addresses, and kernels sum in an order that depends on alignment.
    for said, again in zip(first[0], second[0], strict=True):
        assert again.text == said.text
        assert again.logprobs == pytest.approx(said.logprobs, abs=1e-4)
    assert not back.family.training


def test_transformers_alone_reads_the_folder_of_a_nano(saved):
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    where = saved("finesight_nano")
    assert AutoModelForImageTextToText.from_pretrained(where).config.model_type == "finesight_nano"
    assert AutoTokenizer.from_pretrained(where)("1000")["input_ids"] != []


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [("qwen2_vl", "thousandths"), ("qwen2_5_vl", "pixels"), ("qwen3_vl", "thousandths")],
)
def test_a_folder_that_finesight_did_not_write_speaks_as_its_family_does(saved, tmp_path, kind, coordinates):
    foreign = shutil.copytree(saved(kind), tmp_path / "base")
    (foreign / "finesight.json").unlink()
    description = load_model(foreign).description
    assert description.coordinates == Coordinates(coordinates)
    assert description.name == "base"


def test_pictures_are_normalised_as_the_checkpoint_says(saved, tmp_path, make_noise):
    own = shutil.copytree(saved("qwen3_vl"), tmp_path / "base")
    settings = {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (own / "preprocessor_config.json").write_text(json.dumps(settings))
    loaded = load_model(own)
    assert isinstance(loaded.images, QwenImageInput)
    assert list(loaded.images.processor.image_std) == [0.25] * 3
    values = loaded.images(make_noise(0)).pixel_values
    assert float(values.min()) >= -2
    assert float(values.max()) <= 2


def test_nano_takes_raw_cells(saved):
    assert isinstance(load_model(saved("finesight_nano")).images, NanoImageInput)
    assert not (saved("finesight_nano") / "preprocessor_config.json").exists()


def test_a_hub_id_is_read_with_all_of_its_files(saved, tmp_path):
    """From a hub cache laid out by hand: the same files under models--owner--name/snapshots/REVISION."""
    cache = tmp_path / "hub"
    home = cache / "models--owner--name"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("a" * 40)
    snapshot = Path(shutil.copytree(saved("qwen3_vl"), home / "snapshots" / ("a" * 40)))
    settings = json.loads((snapshot / "preprocessor_config.json").read_text()) | {
        "image_mean": [0.5, 0.6, 0.7]
    }
    (snapshot / "preprocessor_config.json").write_text(json.dumps(settings))
    program = (
        "from finesight.model.load import load_model; m = load_model('owner/name');"
        "print(m.images.processor.image_mean, m.description.policy.max_pixels, m.name)"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[0] == "(0.5, 0.6, 0.7) 15680 qwen3_vl"


def test_a_missing_folder_is_named_with_what_is_needed(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere: .*config\.json, safetensors and tokenizer files"):
        load_model(tmp_path / "nowhere")


def test_an_unknown_family_is_named_with_those_that_are_known(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(
        ModelError, match=r"'bert' takes no images with text; known are finesight_nano, internvl"
    ):
        load_model(folder)


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def lose_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def lose_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def break_description(folder: Path) -> None:
    (folder / "finesight.json").write_text('{"name": "x"}')


def unknown_description(folder: Path) -> None:
    said = json.loads((folder / "finesight.json").read_text())
    (folder / "finesight.json").write_text(json.dumps(said | {"dialect": "metres"}))


@pytest.mark.parametrize(
    "damage",
    [break_config, cut_weights, lose_weights, lose_tokenizer, break_description, unknown_description],
)
def test_a_damaged_folder_is_an_error_that_names_it(folder, damage):
    damage(folder)
    with pytest.raises(ModelError, match=str(folder)):
        load_model(folder)


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), Path.unlink])
def test_nothing_is_assumed_where_the_settings_of_the_image_processor_are_gone(saved, tmp_path, damage):
    folder = shutil.copytree(saved("qwen3_vl"), tmp_path / "model")
    damage(folder / "preprocessor_config.json")
    with pytest.raises(ModelError, match=str(folder)):
        load_model(folder)


@pytest.mark.parametrize("stopped", ["model", "tokenizer"])
def test_a_save_that_is_cut_short_leaves_what_was_there(tiny, folder, monkeypatch, stopped):
    model = tiny("finesight_nano")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model.family.model if stopped == "model" else model.tokenizer, "save_pretrained", fail)
        with pytest.raises(KeyboardInterrupt):
            save_model(model, folder)
        with pytest.raises(KeyboardInterrupt):
            save_model(model, folder.with_name("new"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not folder.with_name("new").exists()
    save_model(model, folder.with_name("new"))
    assert not folder.with_name("new.part").exists()
    load_model(folder.with_name("new"))
