from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finesight.errors import InputError
from finesight.train import state
from finesight.train.state import NAME, clear, load_checkpoint, save_checkpoint


def fresh(seed: int = 0, width: int = 4) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A frozen and a trained layer with a buffer, and an optimiser for what is trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(3, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 1)
        )
    model[0].requires_grad_(False)
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, begin: int, end: int) -> None:
    for step in range(begin, end):
        batch = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(batch).square().sum().backward()
        optimizer.step()


def test_a_resumed_run_ends_where_an_undisturbed_one_does(tmp_path):
    whole, optimizer = fresh()
    train(whole, optimizer, 0, 9)

    first, optimizer = fresh()
    train(first, optimizer, 0, 5)
    save_checkpoint(tmp_path, 5, first, optimizer)
    second, optimizer = fresh()
    resumed = load_checkpoint(tmp_path, second, optimizer)
    assert resumed is not None
    assert resumed.step == 5
    train(second, optimizer, 5, 9)
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_frozen_weights_are_not_in_the_checkpoint(tmp_path):
    model, optimizer = fresh()
    save_checkpoint(tmp_path, 1, model, optimizer)
    saved = torch.load(tmp_path / NAME, weights_only=True)["model"]
    assert not any(name.startswith("0.") for name in saved)
    assert {"1.running_mean", "2.weight"} <= saved.keys()


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path):
    model, optimizer = fresh()
    assert load_checkpoint(tmp_path, model, optimizer) is None


def test_a_write_that_is_cut_short_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    model, optimizer = fresh()
    save_checkpoint(tmp_path, 3, model, optimizer)

    def half(_state: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(state.torch, "save", half)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, 6, model, optimizer)
    resumed = load_checkpoint(tmp_path, model, optimizer)
    assert resumed is not None
    assert resumed.step == 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def scribble(path: Path) -> None:
    path.write_bytes(b"not a checkpoint at all")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_size(path: Path) -> None:
    save_checkpoint(path.parent, 2, *fresh(width=5))


@pytest.mark.parametrize("damage", [cut, scribble, empty, other_size])
def test_a_checkpoint_that_does_not_fit_is_named_with_the_remedy(tmp_path, damage):
    save_checkpoint(tmp_path, 2, *fresh())
    damage(tmp_path / NAME)
    with pytest.raises(InputError, match=rf"{NAME}: does not fit this run .*remove {tmp_path}"):
        load_checkpoint(tmp_path, *fresh())


def test_a_finished_run_keeps_no_checkpoint_and_no_half_of_one(tmp_path):
    save_checkpoint(tmp_path, 2, *fresh())
    (tmp_path / f".{NAME}.part").write_bytes(b"half")
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    clear(tmp_path)
