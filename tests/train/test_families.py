"""Every family learns the same from trees as from rows; one without an adapter learns from rows, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoProcessor

from finesight.model.load import save_model
from finesight.train import sft
from finesight.train.parts import part_of
from finesight.train.plan import Draw
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")


def apart(plan: Any) -> Any:
    """The plan of a run with every question in a tree of its own."""

    def separate(*given: Any) -> Iterator[tuple[int, list[Draw], list[Draw]]]:
        for step, *draws in plan(*given):
            yield step, *([Draw(d.example, (i,)) for d in some for i in d.branches] for some in draws)

    return separate


@pytest.mark.parametrize("kind", KINDS)
def test_trees_and_rows_give_the_same_curve(tiny, training_set, settings_for, tmp_path, monkeypatch, kind):
    """The same eight questions a step, behind two pictures or in rows: the loss falls by the same amounts."""
    save_model(tiny(kind), tmp_path / "base")
    fields = {"model": str(tmp_path / "base"), "steps": 6, "batch": 2, "questions": 4, "learning_rate": 2e-3}
    # nano's dense loss is a mean over pictures, and in rows a picture counts as often as it is asked about.
    fields |= {"dense_weight": 0.0, "hinted": 0.0}
    train_sft(settings_for(training_set, tmp_path / "tree", **fields))
    monkeypatch.setattr(sft, "_plan", apart(sft._plan))
    train_sft(settings_for(training_set, tmp_path / "rows", **fields))
    tree, rows = (read_metrics(tmp_path / name) for name in ("tree", "rows"))
    for name in ("loss", "gradient_norm"):
        assert [r[name] for r in tree] == pytest.approx([r[name] for r in rows], rel=1e-5)
    assert tree[-1]["loss"] < 0.9 * tree[0]["loss"]


def test_a_family_without_an_adapter_is_trained_in_rows(llava, training_set, settings_for, tmp_path, capsys):
    fields = {"model": str(llava), "steps": 6, "batch": 2, "questions": 3, "learning_rate": 1e-3}
    with pytest.warns(UserWarning, match="no adapter for family 'llava'"):
        trained = train_sft(settings_for(training_set, tmp_path / "run", **fields))
    assert "attention rows" in capsys.readouterr().err
    rows = read_metrics(tmp_path / "run")
    assert rows[-1]["loss"] < rows[0]["loss"]
    before, after = (load_file(folder / "model.safetensors") for folder in (llava, trained))
    moved = {part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"projector", "language"}
    assert AutoProcessor.from_pretrained(trained).tokenizer.chat_template
