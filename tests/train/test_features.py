from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from finesight.model.load import LoadedModel
from finesight.model.vision import ResizePolicy
from finesight.train import features as module
from finesight.train.features import FeatureStore


@pytest.fixture
def paths(training_set: Path) -> list[Path]:
    return sorted((training_set / "images").iterdir())[:3]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by every picture that is decoded."""
    seen: list[Path] = []
    load = module.load_picture
    monkeypatch.setattr(module, "load_picture", lambda path: seen.append(path) or load(path))
    return seen


def filled(model: LoadedModel, paths: list[Path], folder: Path | None = None) -> FeatureStore:
    store = FeatureStore(model, folder)
    store.fill(paths)
    return store


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


@pytest.mark.parametrize("kind", ["finesight_nano", "qwen3_vl"])
def test_what_is_kept_is_what_the_model_computes(tiny, paths, tmp_path, kind, decoded):
    model = tiny(kind)
    filled(model, paths, tmp_path)
    assert decoded == paths
    again = filled(model, paths, tmp_path)
    assert decoded == paths  # the second store has read them from disk without decoding a picture
    assert again.computed == 0
    for path in paths:
        with torch.no_grad():
            (expected,) = model.family.features([model.images(module.load_picture(path))])
        kept = again[path]
        torch.testing.assert_close(kept.cells.float(), expected.cells, rtol=1e-3, atol=1e-3)
        assert torch.equal(kept.grid, expected.grid)
        assert len(kept.deep) == len(expected.deep) == (2 if kind == "qwen3_vl" else 0)
        for a, b in zip(kept.deep, expected.deep, strict=True):
            torch.testing.assert_close(a.float(), b, rtol=1e-3, atol=1e-3)
        assert kept.cells.dtype == torch.float16


def test_a_picture_is_computed_once_even_without_a_folder(tiny, paths, decoded):
    store = filled(tiny("finesight_nano"), [*paths, *paths])
    store.fill(paths)
    assert store.computed == len(decoded) == 3
    assert all(path in store for path in paths)


def test_the_same_content_under_another_name_is_known(tiny, paths, tmp_path, decoded):
    model = tiny("finesight_nano")
    filled(model, paths[:1], tmp_path / "kept")
    other = Path(shutil.copy(paths[0], tmp_path / "renamed.jpg"))
    assert filled(model, [other], tmp_path / "kept").computed == 0
    other.write_bytes(paths[1].read_bytes())
    assert filled(model, [other], tmp_path / "kept").computed == 1


def test_a_file_that_does_not_read_back_is_computed_anew(tiny, paths, tmp_path):
    model = tiny("finesight_nano")
    first = filled(model, paths, tmp_path)
    cut, empty, _ = files(tmp_path)
    whole = cut.read_bytes()
    cut.write_bytes(whole[:100])
    empty.write_bytes(b"")
    again = filled(model, paths, tmp_path)
    assert again.computed == 2
    assert cut.read_bytes() == whole
    assert all(torch.equal(first[p].cells, again[p].cells) for p in paths)


def test_another_resize_policy_is_a_miss(tiny, paths, tmp_path, monkeypatch):
    model = tiny("finesight_nano")
    filled(model, paths[:1], tmp_path)
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=60 * 60)
    monkeypatch.setattr(model, "description", model.description.model_copy(update={"policy": policy}))
    assert filled(model, paths[:1], tmp_path).computed == 1
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("kind", ["finesight_nano", "qwen2_5_vl"])
def test_other_frozen_weights_are_a_miss_and_trained_ones_are_not(build_tiny, paths, tmp_path, kind):
    model = build_tiny(kind)
    filled(model, paths[:1], tmp_path)
    with torch.no_grad():
        model.family.model.lm_head.weight.add_(1)
        getattr(model.family.model.model.visual, "encoder", torch.nn.Linear(1, 1)).requires_grad_(False)
    assert filled(model, paths[:1], tmp_path).computed == 0
    visual = model.family.model.model.visual
    with torch.no_grad():
        next(getattr(visual, "trunk", visual).parameters()).add_(1e-3)
    assert filled(model, paths[:1], tmp_path).computed == 1


def test_a_picture_that_cannot_be_read_is_listed_and_the_rest_goes_on(tiny, paths, tmp_path):
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    told: list[None] = []
    store = FeatureStore(tiny("finesight_nano"), tmp_path / "kept")
    store.fill([paths[0], broken, missing, paths[1]], lambda: told.append(None))
    assert list(store.failures) == [broken, missing]
    assert all(str(path) in reason for path, reason in store.failures.items())
    assert paths[0] in store
    assert paths[1] in store
    assert broken not in store
    assert len(told) == 4
