"""SIGKILL at chosen moments of a run: it goes on to the weights of an undisturbed one, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finesight.train.settings import SftConfig
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics

PROGRAM = """
import os, signal, sys, torch
from pathlib import Path
from finesight.train import checkpoint, learner, sft
from finesight.model import load

torch.set_num_threads(1)
now, backwards = 0, 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def instead(owner, name, make):
    setattr(owner, name, make(getattr(owner, name)))

def counting(gradients):
    def counted(self, step, draws):
        global now, backwards
        now, backwards = step, 0
        return gradients(self, step, draws)
    return counted

instead(learner.Learner, "gradients", counting)
{moment}
config = sft.SftConfig.model_validate_json(Path(sys.argv[1]).read_text())
sft.train_sft(config, resume=True)
"""

BETWEEN_PASSES = """
def dying(backward):
    def second(*given, **named):
        global backwards
        backwards += 1
        if (now, backwards) == (5, 2):
            die()
        return backward(*given, **named)
    return second
instead(torch.Tensor, "backward", dying)
"""
BEFORE_UPDATE = """
instead(torch.optim.AdamW, "step", lambda step: lambda *given: die() if now == 7 else step(*given))
"""
BEHIND_UPDATE = """
instead(torch.optim.AdamW, "step", lambda step: lambda *given: (step(*given), now == 8 and die()))
"""
HALF_A_STATE = """
def dying(save):
    def half(*given, checkpoint_id, **named):
        save(*given, checkpoint_id=checkpoint_id, **named)
        if now == 10:
            for file in checkpoint_id.glob("*.distcp"):
                os.truncate(file, file.stat().st_size // 2)
            die()
    return half
instead(checkpoint, "save_shares", dying)
"""
BEFORE_ITS_NAME = """
instead(checkpoint, "publish", lambda publish: lambda *given: die() if now == 10 else publish(*given))
"""
HALF_REMOVED = """
def dying(remove):
    def half(path, **named):
        if now == 12 and ".part" not in str(path):
            for file in Path(path).rglob("*.*"):
                file.unlink()
                die()
        remove(path, **named)
    return half
instead(checkpoint.shutil, "rmtree", dying)
"""
AT_THE_END = """
def dying(publish):
    def never(part, target):
        if target.parent == config.out:
            die()
        publish(part, target)
    return never
instead(load, "publish", dying)
"""
LATER = [BEFORE_UPDATE, BEHIND_UPDATE, HALF_A_STATE, BEFORE_ITS_NAME, HALF_REMOVED, AT_THE_END]


def run(config: Path, moment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{moment}", moment), str(config)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def names(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def undisturbed(config: SftConfig) -> Path:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train_sft(config)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("moments", "steps"), [([BETWEEN_PASSES], 6), pytest.param(LATER, 14, marks=pytest.mark.slow)]
)
def test_killed_at_a_chosen_moment_a_run_goes_on_to_the_same_weights(
    training_set, settings_for, tmp_path, moments, steps
):
    """Twelve pictures and five trees a step: most kills are in the midst of an epoch."""
    fields = {"steps": steps, "dense_steps": 2, "batch": 5, "checkpoint_every": 2, "keep": 1, "seed": 3}
    fields |= {"tokens_per_pass": 700, "tokens_per_tree": 700}
    config = settings_for(training_set, tmp_path / "killed", **fields)
    file = tmp_path / "config.json"
    file.write_text(config.model_dump_json())
    for moment in moments:
        ended = run(file, moment)
        assert ended.returncode == -signal.SIGKILL, (moment, ended.stderr)
        assert not (config.out / "model").exists()
        there = [names(folder) for folder in (config.out / "checkpoints").glob("step-*")]
        assert there
        assert all(found == there[0] for found in there), "a checkpoint that is there is whole"
    ended = run(file, "")
    assert ended.returncode == 0, ended.stderr
    whole = undisturbed(config.model_copy(update={"out": tmp_path / "whole"}))
    a, b = (load_file(folder / "model.safetensors") for folder in (config.out / "model", whole))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert [row["step"] for row in read_metrics(config.out)] == list(range(1, steps + 1))
    assert not (config.out / "checkpoints").exists()
