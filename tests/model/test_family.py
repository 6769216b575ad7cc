from __future__ import annotations

import pytest
import torch

from finesight.errors import ModelError
from finesight.model.family import FAMILIES
from finesight.model.tree import Branch, Tree, lay_out

SIZES = ((120, 90), (60, 140))


@pytest.fixture
def seen(model, make_noise):
    return [model.images(make_noise(i, *size)) for i, size in enumerate(SIZES)]


def layout_of(model, seen, features):
    trees = []
    for one, feature in zip(seen, features, strict=True):
        prefix = model.prefix(feature)
        positions = model.family.prefix_positions(prefix, [one.grid])
        trees.append(Tree(prefix, positions, [Branch([300, 301, 302], 1), Branch([303, 304], 1)]))
    return lay_out([trees])


def test_every_family_has_an_adapter(model):
    assert type(model.family) is FAMILIES[model.family.model.config.model_type]


def test_features_of_a_picture_do_not_depend_on_the_others(model, seen):
    with torch.no_grad():
        together = model.family.features(seen)
        alone = [model.family.features([one])[0] for one in seen]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a.cells, b.cells, rtol=1e-4, atol=1e-4)
        assert len(a.cells) == int(a.grid.prod()) // 4
        for x, y in zip(a.deep, b.deep, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)


def test_the_pass_over_trees_needs_no_pixels(model, seen, monkeypatch):
    with torch.no_grad():
        features = model.family.features(seen)
        layout = layout_of(model, seen, features)
        monkeypatch.setattr(type(model.family), "features", None)
        monkeypatch.setattr(model.family.model.model, "get_image_features", None)
        answers = model.family(layout, features)
    assert answers.read.shape == (6, model.family.model.config.text_config.vocab_size)
    assert (answers.dense is not None) == (model.family.model.config.model_type == "finesight_nano")


def test_the_deep_features_of_qwen3_are_used(tiny, make_noise):
    model = tiny("qwen3_vl")
    seen = [model.images(make_noise(0))]
    with torch.no_grad():
        (features,) = model.family.features(seen)
        layout = layout_of(model, seen, [features])
        before = model.family(layout, [features]).read
        for layer in range(2):
            deep = tuple(d * (i != layer) for i, d in enumerate(features.deep))
            after = model.family(layout, [features._replace(deep=deep)]).read
            assert (before - after).abs().max() > 0.1
    assert len(features.deep) == 2


def test_only_nano_has_a_dense_view(model, seen):
    with torch.no_grad():
        features = model.family.features(seen)
    if model.family.model.config.model_type == "finesight_nano":
        assert model.family.look(features).presence.shape == (2, max(len(f.cells) for f in features), 10)
    else:
        with pytest.raises(ModelError, match="dense_steps"):
            model.family.look(features)


def test_pixels_say_what_their_features_say_and_reach_the_tower(model, seen):
    with torch.no_grad():
        features = model.family.features(seen)
    layout = layout_of(model, seen, features)
    assert [model.prefix(s) for s in seen] == [model.prefix(f) for f in features]
    kept, fresh = model.family(layout, features).read, model.family(layout, seen).read
    torch.testing.assert_close(kept, fresh, rtol=0, atol=1e-5)
    if model.family.dense:  # nano's trunk is frozen for good
        return
    weights = list(model.family.tower.parameters())
    assert any(g is not None for g in torch.autograd.grad(fresh.sum(), weights, allow_unused=True))


def test_without_a_layout_there_is_only_the_dense_view(model, seen):
    if not model.family.dense:
        with pytest.raises(ModelError, match="dense_steps"):
            model.family(None, seen)
        return
    with torch.no_grad():
        alone = model.family(None, seen)
        view = model.family.look(model.family.features(seen))
    assert alone.read.numel() == 0
    assert torch.equal(alone.dense.presence, view.presence)
