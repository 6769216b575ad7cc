from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from finesight.errors import InputError
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
    for path in paths:
        store(path)
    return store


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


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
        kept = again(path)
        torch.testing.assert_close(kept.cells.float(), expected.cells, rtol=1e-3, atol=1e-3)
        assert torch.equal(kept.grid, expected.grid)
        assert len(kept.deep) == len(expected.deep) == (2 if kind == "qwen3_vl" else 0)
        for a, b in zip(kept.deep, expected.deep, strict=True):
            torch.testing.assert_close(a.float(), b, rtol=1e-3, atol=1e-3)
        assert kept.cells.dtype == torch.float16


def test_a_picture_is_computed_once_even_without_a_folder(tiny, paths, decoded):
    store = filled(tiny("finesight_nano"), [*paths, *paths])
    assert store.computed == len(decoded) == 3


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
    cut, empty, flipped = files(tmp_path)
    whole = cut.read_bytes()
    cut.write_bytes(whole[:100])
    empty.write_bytes(b"")
    turned = flipped.read_bytes()
    flipped.write_bytes(turned[:-9] + bytes([turned[-9] ^ 1]) + turned[-8:])  # one bit of one number
    again = filled(model, paths, tmp_path)
    assert again.computed == 3
    assert flipped.read_bytes() == turned
    assert cut.read_bytes() == whole
    assert all(torch.equal(first(p).cells, again(p).cells) for p in paths)


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


def test_a_picture_that_cannot_be_read_is_named(tiny, tmp_path):
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    for folder in (None, tmp_path / "kept"):
        store = FeatureStore(tiny("finesight_nano"), folder)
        for path in (broken, missing):
            with pytest.raises(InputError, match=path.name):
                store(path)


@pytest.mark.parametrize("where", ["disk", "ram"])
def test_what_is_kept_stays_within_its_bound(tiny, paths, tmp_path, where):
    model = tiny("finesight_nano")
    size = files_of_one(model, paths[0], tmp_path / "probe")
    folder = tmp_path / "kept" if where == "disk" else None
    store = FeatureStore(model, folder, most_bytes=2.5 * size)
    for _ in range(3):
        for path in paths:
            store(path)
    assert store.computed == 3 + 2  # two fit, and the third is computed each time
    if folder:
        assert sum(f.stat().st_size for f in files(folder)) <= 2.5 * size


def files_of_one(model, path, folder):
    filled(model, [path], folder)
    return files(folder)[0].stat().st_size
