from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finesight.errors import InputError
from finesight.model.load import load_model
from finesight.train.checkpoint import Checkpoints, Progress
from finesight.train.parts import FrozenGuard
from finesight.train.ranks import Ranks
from finesight.train.sft import train_sft

RUN = (
    "import sys, torch; from pathlib import Path; from finesight.train.settings import SftConfig;"
    "from finesight.train.sft import train_sft; torch.set_num_threads(1);"
    "train_sft(SftConfig.model_validate_json(Path(sys.argv[1]).read_text()), resume=True)"
)


def fresh(seed: int = 0, width: int = 4):
    """A frozen and a trained layer with a buffer, and an optimiser for what is trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(3, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 1)
        )
    model[0].requires_grad_(False)
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)


def train(model, optimizer, begin: int, end: int) -> None:
    for step in range(begin, end):
        batch = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(batch).square().sum().backward()
        optimizer.step()


def write_nothing(folder: Path) -> None:
    """For weights that nobody else is to load."""


def test_what_is_loaded_goes_on_as_what_was_saved(tmp_path):
    whole, optimizer = fresh()
    train(whole, optimizer, 0, 9)
    checkpoints = Checkpoints(tmp_path, 2, Ranks())
    assert checkpoints.last() is None
    first, optimizer = fresh()
    train(first, optimizer, 0, 5)
    checkpoints.save(Progress(step=5, best=4, best_loss=0.5), first, optimizer, write_nothing)
    second, optimizer = fresh()
    progress = checkpoints.load(checkpoints.last(), second, optimizer)
    assert progress == Progress(step=5, best=4, best_loss=0.5)
    train(second, optimizer, 5, 9)
    for a, b in zip(whole.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_last_ones_and_the_best_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2, Ranks())
    model, optimizer = fresh()
    train(model, optimizer, 0, 1)
    for step in range(1, 7):
        checkpoints.save(Progress(step=step, best=min(step, 2)), model, optimizer, write_nothing)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000002", "step-00000005", "step-00000006"]
    checkpoints.clear()
    assert not (tmp_path / "checkpoints").exists()


def test_a_write_that_is_cut_short_leaves_the_former_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2, Ranks())
    model, optimizer = fresh()
    train(model, optimizer, 0, 1)
    checkpoints.save(Progress(step=3), model, optimizer, write_nothing)

    def half(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(Progress(step=6), model, optimizer, half)
    assert checkpoints.load(checkpoints.last(), model, optimizer).step == 3
    checkpoints.save(Progress(step=6), model, optimizer, write_nothing)
    assert not list(checkpoints.last().rglob("half"))


def scribble(folder: Path) -> None:
    for path in (folder / "state").glob("*.distcp"):
        path.write_bytes(b"not a checkpoint at all")


def lose(folder: Path) -> None:
    (folder / "state" / ".metadata").unlink()


def misstate(folder: Path) -> None:
    (folder / "progress.json").write_text("{")


@pytest.mark.parametrize(("damage", "width"), [(scribble, 4), (lose, 4), (misstate, 4), (None, 5)])
def test_a_checkpoint_that_does_not_fit_is_named_with_the_remedy(tmp_path, damage, width):
    checkpoints = Checkpoints(tmp_path, 2, Ranks())
    model, optimizer = fresh()
    train(model, optimizer, 0, 1)
    checkpoints.save(Progress(step=2), model, optimizer, write_nothing)
    if damage:
        damage(checkpoints.last())
    with pytest.raises(InputError, match=r"step-00000002: does not fit this run .*remove it"):
        checkpoints.load(checkpoints.last(), *fresh(width=width))


def test_a_checkpoint_is_a_folder_others_load(training_set, settings_for, tmp_path, monkeypatch):
    config = settings_for(training_set, tmp_path, steps=5, checkpoint_every=2)
    monkeypatch.setattr(FrozenGuard, "check", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_sft(config)
    folder = tmp_path / "checkpoints" / "step-00000004" / "model"
    assert load_model(folder).family.dense


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_moment_a_run_goes_on_to_the_same_weights(training_set, settings_for, tmp_path, seed):
    """Killed time and again, also in the midst of a step of several passes and of writing a checkpoint."""
    fields = {"steps": 16, "checkpoint_every": 1, "dense_steps": 4, "seed": 5, "batch": 5, "keep": 1}
    fields |= {"tokens_per_pass": 700, "tokens_per_tree": 700}
    config = settings_for(training_set, tmp_path / "killed", **fields)
    (tmp_path / "config.json").write_text(config.model_dump_json())
    checkpoints = config.out / "checkpoints"
    chance = random.Random(seed)
    for moment, pattern, odds in (
        ("while it writes a checkpoint", ".*.part", 1.0),
        ("some time behind one", "step-*", 0.01),
        ("while it writes another", ".*.part", 1.0),
        ("never", "nothing", 0.0),
    ):
        # What is there already, a half-written one of a former kill included, does not count.
        there = set(checkpoints.glob(pattern))
        with (tmp_path / "said.txt").open("wb") as said:
            child = subprocess.Popen(
                [sys.executable, "-c", RUN, str(tmp_path / "config.json")],
                stderr=said,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        while child.poll() is None:
            if set(checkpoints.glob(pattern)) - there and chance.random() < odds:
                child.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        ended = (tmp_path / "said.txt").read_text()
        assert child.returncode == (0 if moment == "never" else -signal.SIGKILL), ended
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = train_sft(config.model_copy(update={"out": tmp_path / "whole"}))
    finally:
        torch.set_num_threads(threads)
    a, b = (load_file(f / "model.safetensors") for f in (config.out / "model", whole))
    assert all(torch.equal(a[name], b[name]) for name in b)
