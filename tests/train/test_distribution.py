"""Two processes of torchrun, gloo between them: the weights of one process, and no rank that waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finesight.model.load import load_model, save_model
from finesight.train.grpo import train_grpo
from finesight.train.settings import RunSettings
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics

HANGS = 300
"""Seconds after which a rank that has not ended is taken to hang: it says where it stands, and ends."""
PROGRAMS = {
    recipe: f"import faulthandler; faulthandler.dump_traceback_later({HANGS}, exit=True);"
    f"import sys; from pathlib import Path; from finesight.train.{recipe} import {config}, train_{recipe};"
    f"train_{recipe}({config}.model_validate_json(Path(sys.argv[1]).read_text()), resume=True)"
    for recipe, config in (("sft", "SftConfig"), ("grpo", "GrpoConfig"))
}


def on_two(config: RunSettings, folder: Path, recipe: str = "sft") -> Path:
    """Run a config on two processes.

    As on a cluster, ranks that hang are ended and begun again, once, from the last checkpoint; where they stood is
    told as a warning.
    """
    (folder / "run.py").write_text(PROGRAMS[recipe])
    (folder / "config.json").write_text(config.model_dump_json())
    done = torchrun(folder, "--max_restarts", "1")
    if "Timeout (" in done.stderr:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"a rank hung:\n{done.stderr[done.stderr.index('Timeout (') :]}", stacklevel=1)
    assert done.returncode == 0, done.stderr[-3000:]
    return config.out / "model"


def torchrun(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *more]
    return subprocess.run(
        [*command, str(folder / "run.py"), str(folder / "config.json")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=3 * HANGS,
        check=False,
    )


def close(one: Path, other: Path) -> None:
    a, b = (load_model(folder).family.state_dict() for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-5, msg=name)


def slowly(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


SEVERAL_PASSES = {"tokens_per_tree": 250, "tokens_per_pass": 250}
AS_THE_7B = {"frozen": ("vision", "projector"), "gradient_checkpointing": True}


@pytest.mark.parametrize(
    ("kind", "distribution", "more"),
    [
        ("qwen2_5_vl", "ddp", SEVERAL_PASSES),
        ("qwen3_vl", "fsdp", SEVERAL_PASSES),
        (None, "ddp", {}),
        slowly("internvl", "ddp", {"frozen": ()}),
        slowly("internvl", "fsdp", AS_THE_7B),
        slowly("qwen2_vl", "fsdp", {"frozen": ()}),
        slowly("qwen2_5_vl", "fsdp", AS_THE_7B),
        slowly("qwen2_5_vl", "fsdp", {"lora": {"rank": 4}}),
        slowly(None, "fsdp", {}),
    ],
)
def test_two_ranks_train_the_weights_of_one(
    tiny, training_set, settings_for, tmp_path, kind, distribution, more
):
    """Five pictures a step, so that one rank has more to do, and a last step of each epoch with less."""
    fields = {
        "steps": 5,
        "batch": 5,
        "learning_rate": 1e-4,
        "checkpoint_every": 2,
        "frozen": ("vision",),
    } | more
    if kind:
        save_model(tiny(kind), tmp_path / "base")
        fields |= {"model": str(tmp_path / "base")}
    else:
        fields |= {"dense_steps": 2}
    alone = train_sft(settings_for(training_set, tmp_path / "alone", **fields))
    fields |= {"distribution": distribution, "eval_data": training_set, "eval_pictures": 3, "eval_every": 2}
    together = on_two(settings_for(training_set, tmp_path / "two", **fields), tmp_path)
    close(alone, together)
    a, b = (read_metrics(tmp_path / name) for name in ("alone", "two"))
    assert [r["step"] for r in b] == [1, 2, 3, 4, 5]
    for mine, theirs in zip(a, b, strict=True):
        for name in mine.keys() - {"seconds", "samples_per_s", "step"}:
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name


@pytest.mark.slow
def test_two_ranks_in_bf16_learn_what_one_does(tiny, training_set, settings_for, tmp_path):
    """The settings of the configs for eight GPUs, as far as a CPU has them: 16 bits round, no more."""
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")
    fields = {"steps": 5, "batch": 5, "learning_rate": 1e-3, "precision": "bf16", "distribution": "fsdp"}
    fields |= AS_THE_7B | {"model": str(tmp_path / "base"), "checkpoint_every": 2}
    train_sft(settings_for(training_set, tmp_path / "alone", **fields))
    together = on_two(settings_for(training_set, tmp_path / "two", **fields), tmp_path)
    assert {t.dtype for t in load_file(together / "model.safetensors").values()} == {torch.bfloat16}
    alone, two = ([r["loss"] for r in read_metrics(tmp_path / name)] for name in ("alone", "two"))
    assert two == pytest.approx(alone, rel=5e-3)
    assert two[-1] < 0.95 * two[0]


def test_a_rank_without_a_picture_keeps_step_with_the_others(tiny, training_set, settings_for, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")
    fields = {"steps": 3, "batch": 1, "model": str(tmp_path / "base"), "learning_rate": 1e-4}
    alone = train_sft(settings_for(training_set, tmp_path / "alone", **fields))
    for distribution in ("ddp", "fsdp"):
        config = settings_for(training_set, tmp_path / distribution, distribution=distribution, **fields)
        close(alone, on_two(config, tmp_path))


def test_a_sharded_run_goes_on_on_one_process_from_its_checkpoint(tiny, training_set, settings_for, tmp_path):
    """And its folders are plain: transformers loads what was saved from shares."""
    save_model(tiny("qwen2_5_vl"), tmp_path / "base")
    fields = {"steps": 6, "model": str(tmp_path / "base"), "learning_rate": 1e-4, "checkpoint_every": 4}
    whole = train_sft(settings_for(training_set, tmp_path / "whole", **fields))
    config = settings_for(training_set, tmp_path / "two", distribution="fsdp", **fields)
    stopping = "import finesight.train.parts as p; p.FrozenGuard.check = lambda self: sys.exit(7);"
    (tmp_path / "run.py").write_text("import sys;" + stopping + PROGRAMS["sft"])
    (tmp_path / "config.json").write_text(config.model_dump_json())
    torchrun(tmp_path)
    checkpoint = tmp_path / "two" / "checkpoints" / "step-00000004"
    assert load_file(checkpoint / "model" / "model.safetensors")
    assert load_model(checkpoint / "model").family.model.config.model_type == "qwen2_5_vl"
    close(whole, train_sft(config, resume=True))


@pytest.mark.parametrize(
    ("kind", "distribution"),
    [("finesight_nano", "ddp"), pytest.param("qwen2_5_vl", "fsdp", marks=pytest.mark.slow)],
)
def test_two_ranks_make_the_policy_of_one(grpo_for, toy_folder, tmp_path, monkeypatch, kind, distribution):
    """Three pictures a step, so that one rank samples more than the other; then fewer groups than ranks."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(toy_folder), *sys.path]))
    fields = {"steps": 3, "batch": 3, "learning_rate": 1e-4, "checkpoint_every": 2, "refills": 1}
    alone = train_grpo(grpo_for(tmp_path / "alone", kind, **fields))
    config = grpo_for(tmp_path / "both", kind, distribution=distribution, **fields)
    a, b = (load_model(folder).family.state_dict() for folder in (alone, on_two(config, tmp_path, "grpo")))
    apart = torch.cat([(a[name] - b[name]).abs().flatten() for name in a if a[name].is_floating_point()])
    # AdamW divides by the gradient's own size: of a weight with next to none, rounding alone decides the sign.
    assert (apart > 1e-5).float().mean() < 1e-4
    assert apart.max() < 3 * 1e-4
    told = [[row["reward"] for row in read_metrics(tmp_path / name)] for name in ("alone", "both")]
    assert told[0] == pytest.approx(told[1], abs=1e-5)
