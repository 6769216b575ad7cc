from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from finesight.errors import ConfigError, InputError
from finesight.model.load import load_model
from finesight.schema.sample import Subclass
from finesight.train import grpo
from finesight.train.grpo import GrpoConfig, begin, learn, train_grpo
from finesight.train.parts import part_of
from finesight.train.policy import learner
from finesight.train.policy.groups import plant
from finesight.train.run import PROBE
from finesight.train.track import EVALUATION, read_metrics

PROGRAM = (
    "import sys, torch; from pathlib import Path; from finesight.train.grpo import GrpoConfig, train_grpo;"
    "torch.set_num_threads(1);"
    "train_grpo(GrpoConfig.model_validate_json(Path(sys.argv[1]).read_text()), resume=True)"
)
TIMING = {"seconds", "rollout_seconds", "update_seconds", "samples_per_s"}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(folder).family.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def numbers(run: Path) -> list[dict[str, float]]:
    """The rows of a run without what the clock says."""
    return [{k: v for k, v in row.items() if k not in TIMING} for row in read_metrics(run)]


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_run_leaves_metrics_evaluations_a_probe_and_a_model_that_moved(grpo_for, training_set, tmp_path):
    config = grpo_for(tmp_path, steps=5, eval_data=training_set, eval_pictures=3, eval_every=2)
    assert train_grpo(config) == tmp_path / "model"
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    told = {
        "reward",
        "reward_std",
        "zero_variance",
        "unscored",
        "cut_off",
        "answer_tokens",
        "groups",
        "refills",
    }
    assert all(told <= row.keys() for row in rows)
    assert all(
        {"loss", "entropy", "clip_fraction", "gradient_norm"} <= row.keys() for row in rows if row["groups"]
    )
    held_out = read_metrics(tmp_path, EVALUATION)
    assert [row["step"] for row in held_out] == [2, 4, 5]
    assert all({"reward", "reward/mcq", "unscored"} <= row.keys() for row in held_out)
    assert held_out[-1]["kl_start"] > held_out[0]["kl_start"] * 0.5 > 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", "metrics.jsonl", "evaluation.jsonl", "skipped.txt", PROBE, "model"}
    assert not same(weights(tmp_path / "model"), weights(Path(config.model)))


def test_only_the_language_moves_unless_told_otherwise(grpo_for, tmp_path):
    config = grpo_for(tmp_path, "qwen2_5_vl", learning_rate=0.01)
    before, after = weights(Path(config.model)), weights(train_grpo(config))
    moved = {part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"language"}


def test_what_is_frozen_is_not_in_the_optimiser(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path, "qwen2_5_vl"))
    named = dict(session.bench.model.family.model.named_parameters())
    optimised = {id(p) for group in session.bench.optimizer.param_groups for p in group["params"]}
    assert {part_of(n) for n, p in named.items() if id(p) in optimised} == {"language"}


def test_the_reward_rises_on_a_toy_and_equally_on_trees_and_rows(grpo_for, tmp_path, one_thread, monkeypatch):
    """Letters of the first half of the alphabet; trees with room for one answer only are rows."""
    curves = {}
    for way in ("tree", "rows"):
        session = begin(
            grpo_for(tmp_path / way, steps=16, seed=1, learning_rate=5e-3, sampling={"samples": 8})
        )
        for group in session.bench.optimizer.param_groups:
            group["eps"] = 1e-3  # Adam makes whole steps of gradients that are nothing but rounding
        if way == "rows":
            monkeypatch.setattr(learner, "plant", lambda lessons, prefixes, _: plant(lessons, prefixes, 1))
        learn(session)
        curves[way] = [row["reward"] for row in read_metrics(tmp_path / way)]
    first, last = (sum(some) / 4 for some in (curves["tree"][:4], curves["tree"][-4:]))
    assert last > first + 0.1
    # The same answers are drawn until rounding tips one over.
    assert curves["rows"][:4] == pytest.approx(curves["tree"][:4], abs=1e-6)
    assert sum(curves["rows"][-4:]) / 4 > first + 0.1


def test_groups_that_teach_nothing_never_reach_a_training_pass(grpo_for, tmp_path, monkeypatch, toy_folder):
    (toy_folder / "flat_reward.py").write_text(
        "from finesight.scoring.rewards import Reward\ndef flat(sample, answer, settings): return Reward(0.5)\n"
    )
    monkeypatch.syspath_prepend(str(toy_folder))
    config = grpo_for(tmp_path, own_rewards=dict.fromkeys(Subclass, "flat_reward:flat"), steps=2)
    session = begin(config)
    passes = []
    session.bench.module.register_forward_hook(lambda *_: passes.append(1))
    learn(session)
    assert not passes
    rows = read_metrics(tmp_path)
    assert [row["zero_variance"] for row in rows] == [1.0, 1.0]
    assert [row["refills"] for row in rows] == [3, 3]
    assert not any("loss" in row for row in rows)


def test_a_killed_run_goes_on_to_the_weights_of_an_undisturbed_one(
    grpo_for, toy_folder, tmp_path, one_thread
):
    def config_in(name: str) -> GrpoConfig:
        return grpo_for(tmp_path / name, steps=14, checkpoint_every=3)

    killed = config_in("killed")
    file = tmp_path / "killed.json"
    file.write_text(killed.model_dump_json())
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(file)],
        stderr=subprocess.DEVNULL,
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(toy_folder), *sys.path])},
    )
    while len(read_metrics(killed.out)) < 5:
        assert child.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert 5 <= len(read_metrics(killed.out)) < 14
    with pytest.raises(ConfigError, match="--resume"):
        train_grpo(killed)
    train_grpo(killed, resume=True)
    whole = config_in("whole")
    train_grpo(whole)
    assert same(weights(killed.out / "model"), weights(whole.out / "model"))
    assert numbers(killed.out) == numbers(whole.out)


@pytest.mark.parametrize("stop", [3, 4])
def test_online_mining_goes_on_with_what_was_chosen(grpo_for, tmp_path, one_thread, monkeypatch, stop):
    """Stopped at a refresh and between two of them."""
    mining = {"low": 0.0, "high": 1.0, "epsilon": 0.0, "min_scored": 2, "merge_choices": False}
    fields = {
        "steps": 8,
        "mining": mining,
        "refresh_every": 3,
        "refresh_questions": 10,
        "checkpoint_every": 1,
    }
    whole = grpo_for(tmp_path / "whole", **fields)
    train_grpo(whole)
    mined = sorted(path.name for path in (whole.out / "mined").iterdir())
    assert mined == ["step-00000000.jsonl", "step-00000003.jsonl", "step-00000006.jsonl"]

    stopped = grpo_for(tmp_path / "stopped", **fields)
    learner_update = grpo.update

    def until(session, lessons, **told):
        if len(read_metrics(stopped.out)) == stop:
            raise KeyboardInterrupt
        return learner_update(session, lessons, **told)

    with monkeypatch.context() as patch:
        patch.setattr(grpo, "update", until)
        with pytest.raises(KeyboardInterrupt):
            train_grpo(stopped)
    train_grpo(stopped, resume=True)
    assert numbers(stopped.out) == numbers(whole.out)
    assert same(weights(stopped.out / "model"), weights(whole.out / "model"))


def test_what_mining_chose_is_what_is_asked(grpo_for, tmp_path):
    mining = {"low": 0.0, "high": 1.0, "epsilon": 0.0, "min_scored": 2, "budget": 3, "merge_choices": False}
    session = begin(grpo_for(tmp_path, steps=1, mining=mining, refresh_questions=12))
    learn(session)
    asked = [sample.id for example in session.pool.examples for sample in example.samples]
    lines = (tmp_path / "mined" / "step-00000000.jsonl").read_text().splitlines()
    assert sorted(asked) == sorted(json.loads(line)["id"] for line in lines)
    assert len(asked) == 3


def test_a_kl_keeps_the_policy_nearer_to_where_it_began(grpo_for, tmp_path, one_thread):
    common = {"steps": 12, "learning_rate": 3e-3, "eval_every": 12}
    apart = {}
    for name, kl in (("free", 0.0), ("held", 4.0)):
        train_grpo(grpo_for(tmp_path / name, objective={"kl": kl}, **common))
        apart[name] = read_metrics(tmp_path / name, EVALUATION)[-1]["kl_start"]
    assert apart["held"] < 0.7 * apart["free"]
    assert "kl" in read_metrics(tmp_path / "held")[0]
    assert "kl" not in read_metrics(tmp_path / "free")[0]


def test_adapters_are_held_against_the_model_without_them(grpo_for, tmp_path):
    config = grpo_for(tmp_path, "qwen2_5_vl", lora={"rank": 4}, objective={"kl": 0.1}, learning_rate=0.01)
    train_grpo(config)
    rows = read_metrics(tmp_path)
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert rows[-1]["kl"] > 1e-5
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert not same(weights(tmp_path / "model"), weights(Path(config.model)))


def test_several_updates_use_the_answers_of_a_step_again(grpo_for, tmp_path):
    train_grpo(grpo_for(tmp_path, steps=3, updates=4, learning_rate=0.02, warmup=0))
    assert max(row["clip_fraction"] for row in read_metrics(tmp_path)) > 0


def test_thoughts_are_asked_for_only_where_told(grpo_for, tmp_path):
    plain, aloud = (begin(grpo_for(tmp_path / str(on), thinking=on)) for on in (False, True))
    tokens = [s.pool.examples[0].tokens[0].tolist() for s in (plain, aloud)]
    said = [s.bench.model.tokenizer.decode(t) for s, t in zip((plain, aloud), tokens, strict=True)]
    assert "<think>" in said[1]
    assert "<think>" not in said[0]


def test_questions_without_a_reward_are_left_out_and_named(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path))
    kinds = {kind for example in session.pool.examples for kind in example.subclasses}
    assert "qa" not in kinds
    assert "questions of qa have no reward" in (tmp_path / "skipped.txt").read_text()


def test_a_picture_lost_while_the_run_lasts_is_named_and_the_rest_goes_on(grpo_for, data, tmp_path, capsys):
    session = begin(grpo_for(tmp_path / "run", data=data, cache="none", steps=6))
    for path in sorted((data / "images").iterdir())[:4]:
        path.write_bytes(b"gone")
    learn(session)
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [1, 2, 3, 4, 5, 6]
    assert "000000" in capsys.readouterr().err


def test_answers_of_a_server_are_those_of_this_process(grpo_for, serving, tmp_path, one_thread):
    """Up to what 16 bits of the features that are kept here, and not there, do to a random model."""
    here, there = grpo_for(tmp_path / "here", steps=3), grpo_for(tmp_path / "there", steps=3)
    server = serving(load_model(there.model))
    train_grpo(here)
    train_grpo(there.model_copy(update={"servers": (server,)}))
    ours, theirs = numbers(here.out), numbers(there.out)
    assert theirs[0]["reward"] == pytest.approx(ours[0]["reward"], abs=0.15)
    assert len(theirs) == len(ours) == 3
    sent, trained = (weights(there.out / name / "model") for name in ("policy", "."))
    assert same(sent, trained)


def test_answers_of_earlier_weights_are_held_against_what_drew_them(grpo_for, serving, tmp_path):
    config = grpo_for(tmp_path, steps=4, sync_every=4, learning_rate=0.02, warmup=0)
    train_grpo(config.model_copy(update={"servers": (serving(load_model(config.model)),)}))
    rows = read_metrics(tmp_path)
    assert rows[0]["clip_fraction"] == 0
    assert rows[-1]["clip_fraction"] > 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sampling": {"samples": 1}}, "group of one"),
        ({"sampling": {"temperature": 0}}, "temperature 0"),
        ({"tokens_per_tree": 16384}, "do not fit into tokens_per_pass"),
        ({"overlong": "shape", "overlong_buffer": 6}, "overlong_buffer"),
        ({"lora": {"dropout": 0.1}}, "dropout"),
        ({"nano": {}}, "Extra inputs"),
        ({"model": None}, "model"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(grpo_for, tmp_path, fields, said):
    with pytest.raises(ValidationError, match=said):
        grpo_for(tmp_path, **fields)


def test_a_reward_that_cannot_be_loaded_is_an_error_at_the_start(grpo_for, tmp_path):
    with pytest.raises(ConfigError, match="no_such_module"):
        begin(grpo_for(tmp_path, own_rewards={"mcq": "no_such_module:reward"}))


def test_data_without_a_rewarded_question_is_an_error_that_says_so(grpo_for, data, tmp_path):
    file = data / "samples" / "combined.json"
    records = [r for r in json.loads(file.read_text()) if "mcq" not in str(r.get("id", ""))]
    file.write_text(json.dumps([r for r in records if r.get("subclass") == "qa"] or "[]"))
    with pytest.raises(InputError):
        begin(grpo_for(tmp_path / "run", data=data))
