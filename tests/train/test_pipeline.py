"""A whole pipeline on twelve pictures and a nano of a few thousand weights, and the bookkeeping of its stages."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from finesight.data.bench import write_bench
from finesight.data.folder import link_images, read_folder
from finesight.data.stages import STAMP
from finesight.errors import ConfigError
from finesight.model.load import load_model
from finesight.schema.sample import Subclass
from finesight.train import roll_ranks
from finesight.train.exam import read_scores
from finesight.train.pipeline import contenders, outlook, plan, run_pipeline
from finesight.train.pipeline_settings import PipelineConfig
from finesight.train.track import Track, read_metrics

Make = Callable[..., PipelineConfig]
OTHER_REWARD = """
from toy_reward import Reward, early_letters


def late_letters(sample, answer, settings):
    reward = early_letters(sample, answer, settings)
    return Reward(None, "no letter") if reward.value is None else Reward(1 - reward.value)
"""


@pytest.fixture(scope="module")
def bench(training_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of the training set as a bench: nobody is to learn anything here."""
    folder = tmp_path_factory.mktemp("bench")
    write_bench(list(read_folder(training_set))[:2], folder, 0)
    link_images(folder, training_set)
    return folder


@pytest.fixture(scope="module")
def make(training_set: Path, bench: Path) -> Make:
    """`make(out, **fields)`: a pipeline of a minute of work at most, whose rewards any answer has."""
    sft = {
        "steps": 4,
        "batch": 2,
        "questions": 2,
        "warmup": 1,
        "nano": {"width": 96, "layers": 2, "heads": 2, "encoder_layers": 1}
        | {"max_pixels": 112 * 112, "min_pixels": 56 * 56},
        "vocabulary": 1600,
        "checkpoint_every": 1,
    }
    grpo = {
        "steps": 3,
        "batch": 2,
        "questions": 2,
        "sampling": {"samples": 4, "max_new_tokens": 6},
        "checkpoint_every": 1,
    }

    def make(out: Path, **fields: Any) -> PipelineConfig:
        return PipelineConfig.model_validate(
            {"data": training_set, "bench": bench, "out": out, "mining": {"min_scored": 2, "epsilon": 0.0}}
            | {"own_rewards": dict.fromkeys(map(str, Subclass), "toy_reward:early_letters")}
            | {"rollout": {"limit": 12}}
            | {"answer_tokens": 8}
            | {"sft": sft | fields.pop("sft", {}), "grpo": grpo | fields.pop("grpo", {})}
            | fields
        )

    return make


@pytest.fixture(scope="module")
def finished(make: Make, toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PipelineConfig:
    """A pipeline that has been run; to be looked at only."""
    config = make(tmp_path_factory.mktemp("pipeline"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(toy_folder))
        run_pipeline(config)
    return config


@pytest.fixture
def copied(
    finished: PipelineConfig, make: Make, tmp_path: Path, toy: object
) -> Callable[..., PipelineConfig]:
    """`copied(**fields)`: the settings of the finished pipeline but for some, in a place where it may go on."""
    # The same path, as settings and stamps hold it: the finished one comes back when the test is over.
    aside = tmp_path / "aside"
    shutil.copytree(finished.out, aside, symlinks=True)
    yield lambda **fields: make(finished.out, **fields)
    shutil.rmtree(finished.out)
    shutil.copytree(aside, finished.out, symlinks=True)


def weights(folder: Path | str) -> dict[str, torch.Tensor]:
    return dict(load_model(folder).family.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def single(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that were not merged out of several."""
    return [record for record in records if len(record.get("parts", ())) < 2]


def due(config: PipelineConfig, until: str | None = None) -> dict[str, str]:
    """The stages that would be run, and why."""
    return {stage.name: seen.why for stage, seen in outlook(config, until) if seen.due}


def names(config: PipelineConfig, until: str | None = None) -> list[str]:
    return [stage.name for stage in plan(config, until)]


def test_a_pipeline_has_the_stages_that_its_settings_want(make, tmp_path):
    assert names(make(tmp_path)) == ["sft", "rollouts", "mine", "grpo", "eval sft", "eval grpo"]
    full = make(tmp_path, layout="merge", base={"steps": 2})
    assert names(full)[:3] == ["merge", "base", "sft"]
    assert names(full)[-3:] == ["eval base", "eval sft", "eval grpo"]
    assert names(make(tmp_path, stages=["sft", "eval"])) == ["sft", "eval sft"]
    assert names(make(tmp_path, stages=["grpo", "eval"], model="some")) == ["grpo", "eval base", "eval grpo"]


def test_a_pipeline_may_end_early(make, tmp_path):
    config = make(tmp_path, layout="merge")
    assert names(config, "merge") == names(config, "base") == ["merge"]
    assert names(config, "mine") == ["merge", "sft", "rollouts", "mine"]
    assert names(config, "eval") == names(config)


def test_a_whole_run_leaves_models_scores_and_what_it_was_asked_for(finished):
    found = contenders(finished)
    assert list(found) == ["sft", "grpo"]
    assert not same(*map(weights, found.values()))
    for name in found:
        scores = read_scores(finished.out / "eval" / name)
        assert scores.descriptions.pictures == 2
        assert 0 <= scores.official["final"] <= 6
        assert set(scores.strict["intervals"]) > {"final"}
    resolved = (finished.out / "config.json").read_text()
    assert PipelineConfig.model_validate_json(resolved) == finished
    stamps = [json.loads((stage.folder / STAMP).read_text()) for stage in plan(finished)]
    assert all(stamp["done"] and stamp["starts"] == 1 for stamp in stamps)


def test_grpo_asks_what_was_mined_of_the_answers_of_sft(finished):
    combined = json.loads((finished.out / "mined" / "samples" / "combined.json").read_text())
    record = json.loads((finished.out / "rollouts" / "rollouts.json").read_text())
    rows = (finished.out / "rollouts" / "rollouts.jsonl").read_text().splitlines()
    asked = {json.loads(row)["sample"]["question"] for row in rows}
    assert record["model"] == contenders(finished)["sft"]
    assert len(rows) == 12
    assert {row["conversations"][0]["value"].removeprefix("<image>\n") for row in single(combined)} <= asked
    assert finished.grpo.data == finished.out / "mined"


def test_no_picture_goes_through_the_tower_twice(finished):
    """SFT and GRPO have the same frozen tower, and find what it said in one folder."""
    kept = [path for path in (finished.out / "features").rglob("*") if path.is_file()]
    assert len(kept) == 12
    for name in ("sft", "grpo"):
        assert (finished.out / name / "features").samefile(finished.out / "features")


def test_a_second_run_does_nothing(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.out.rglob("*") if path.name != "config.json"}
    told: list[tuple[str, bool, str]] = []
    stamps = run_pipeline(finished, tell=lambda stage, seen: told.append((stage.name, seen.due, seen.why)))
    assert told == [(name, False, "nothing has changed") for name in names(finished)]
    assert all(stamp.done for stamp in stamps.values())
    after = {path: path.stat().st_mtime_ns for path in finished.out.rglob("*") if path.name != "config.json"}
    assert {p for p in before if before[p] != after[p]} <= {finished.out}
    assert due(finished) == {}


def test_what_hangs_on_a_setting_is_known_before_anything_is_run(finished, make):
    sampling = {"samples": 4, "max_new_tokens": 6, "temperature": 0.5}
    changed = make(finished.out, rollout={"limit": 12, "sampling": sampling})
    again = "unless {} gives again what it gave"
    assert due(changed) == {
        "rollouts": "sampling.temperature is 0.5, was 1.0",
        "mine": again.format("rollouts"),
        "grpo": again.format("mine"),
        "eval grpo": again.format("grpo"),
    }
    assert due(changed, "mine").keys() == {"rollouts", "mine"}
    assert due(make(finished.out, mining={"min_scored": 3, "epsilon": 0.0})).keys() == {
        "mine",
        "grpo",
        "eval grpo",
    }
    assert due(make(finished.out, answer_tokens=7)).keys() == {"eval sft", "eval grpo"}
    assert due(make(finished.out, sft={"steps": 3})).keys() == set(names(finished))


def test_settings_of_the_machine_repeat_nothing(finished, make):
    machine = {"checkpoint_every": 2, "cache": "none", "tokens_per_pass": 9000}
    assert due(make(finished.out, sft=machine, grpo=machine, rollout={"limit": 12, "rows": 5})) == {}


def test_other_data_and_another_bench_repeat_what_reads_them(finished, make, data, bench, tmp_path):
    other = tmp_path / "bench"
    shutil.copytree(bench, other, symlinks=True)
    assert due(make(finished.out, bench=other)).keys() == {"eval sft", "eval grpo"}
    combined = finished.data / "samples" / "combined.json"
    before = combined.read_bytes()
    try:
        combined.write_bytes(before + b"\n")
        why = due(finished)
        assert {name for name in why if "has changed" in why[name]} == {"sft", "rollouts"}
        assert why.keys() == set(names(finished))
    finally:
        combined.write_bytes(before)


def test_another_setting_of_grpo_repeats_grpo_and_its_scores_and_puts_the_former_run_aside(copied):
    config = copied(grpo={"steps": 2})
    before = weights(config.out / "grpo" / "model")
    told: list[str] = []
    run_pipeline(config, tell=lambda stage, seen: told.append(stage.name) if seen.due else None)
    assert told == ["grpo", "eval grpo"]
    assert same(before, weights(config.out / "replaced" / "grpo-1" / "model"))
    assert not same(before, weights(config.out / "grpo" / "model"))
    rows = (config.out / "grpo" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2]


def test_other_rewards_score_again_what_was_sampled(copied, tmp_path, monkeypatch):
    """Answers cost hours, rewards seconds: those of before are not sampled again."""
    (tmp_path / "other_reward.py").write_text(OTHER_REWARD)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = copied(own_rewards=dict.fromkeys(map(str, Subclass), "other_reward:late_letters"))
    file = config.out / "rollouts" / "rollouts.jsonl"
    before = [json.loads(line) for line in file.read_text().splitlines()]
    monkeypatch.setattr(roll_ranks, "load_sampler", lambda *_: pytest.fail("a model was asked again"))
    run_pipeline(config, until="mine")
    after = [json.loads(line) for line in file.read_text().splitlines()]
    for old, new in zip(before, after, strict=True):
        for said, again in zip(old["answers"], new["answers"], strict=True):
            assert said["text"] == again["text"]
            assert (again["reward"] is None) == (said["reward"] is None)
            assert again["reward"] is None or again["reward"] == pytest.approx(1 - said["reward"])
    assert due(config, "mine") == {}
    assert not (config.out / "replaced").exists()


def test_other_answers_take_the_place_of_those_of_before(copied):
    config = copied(rollout={"limit": 6})
    run_pipeline(config, until="rollouts")
    rows = [
        folder / "rollouts.jsonl" for folder in (config.out / "rollouts", config.out / "replaced/rollouts-1")
    ]
    assert [len(file.read_text().splitlines()) for file in rows] == [6, 12]


def test_a_stage_that_was_cut_off_goes_on_to_the_same_weights(copied, monkeypatch):
    config = copied()
    before = weights(config.out / "grpo" / "model")
    shutil.rmtree(config.out / "grpo")
    logged = Track.log

    def cut_off(self: Track, step: int, **numbers: float) -> None:
        logged(self, step, **numbers)
        if step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Track, "log", cut_off)
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(config)
    assert due(config) == {
        "grpo": "was cut off, goes on",
        "eval grpo": f"{config.out}/grpo/model has changed",
    }
    stamps = run_pipeline(config)
    assert stamps["grpo"].starts == 2
    assert same(before, weights(config.out / "grpo" / "model"))
    assert due(config) == {}


def test_a_run_that_was_cut_off_does_not_go_on_with_other_data(copied, monkeypatch):
    """Its settings are the same and a recipe would go on; what it read is not."""
    config = copied()
    grpo = config.out / "grpo"
    shutil.rmtree(grpo / "model")
    (grpo / "checkpoints" / "step-00000001").mkdir(parents=True)
    stamp = json.loads((grpo / STAMP).read_text())
    combined = str(config.out / "mined" / "samples" / "combined.json")
    (grpo / STAMP).write_text(
        json.dumps(stamp | {"done": False, "reads": stamp["reads"] | {combined: "another"}})
    )
    assert due(config)["grpo"] == f"{combined} has changed"
    run_pipeline(config, until="grpo")
    assert (config.out / "replaced" / "grpo-1" / "checkpoints" / "step-00000001").is_dir()


def test_a_run_that_a_pipeline_did_not_make_is_left_alone(make, tmp_path, settings_for, training_set):
    config = make(tmp_path)
    (tmp_path / "sft" / "model").mkdir(parents=True)
    (tmp_path / "sft" / "model" / "config.json").write_text("{}")
    (tmp_path / "sft" / "config.json").write_text(
        config.sft.model_copy(update={"steps": 9}).model_dump_json()
    )
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        run_pipeline(config)
    assert (tmp_path / "sft" / "model" / "config.json").is_file()


def test_a_base_and_merged_data_are_made_before_sft(make, tmp_path):
    config = make(tmp_path, layout="merge", base={"steps": 1})
    run_pipeline(config, until="base")
    assert json.loads((tmp_path / "merged" / "merge.json").read_text())["layout"] == "merge"
    merged = json.loads((tmp_path / "merged" / "samples" / "combined.json").read_text())
    whole = json.loads((config.data / "samples" / "combined.json").read_text())
    assert len(merged) < len(whole)
    assert (tmp_path / "base" / "model" / "config.json").is_file()
    assert config.sft.model == str(tmp_path / "base" / "model")


PROGRAM = """
import sys; from pathlib import Path; import torch; torch.set_num_threads(1)
from finesight.train.pipeline import run_pipeline
from finesight.train.pipeline_settings import PipelineConfig
run_pipeline(PipelineConfig.model_validate_json(Path(sys.argv[1]).read_text()))
"""


def launch(config: PipelineConfig, toy_folder: Path, *before: str) -> subprocess.Popen[bytes]:
    """The pipeline in processes of its own."""
    (config.out / "run.py").write_text(PROGRAM)
    (config.out / "asked.json").write_text(config.model_dump_json())
    paths = os.pathsep.join([str(toy_folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    with (config.out / "stderr.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, *before, str(config.out / "run.py"), str(config.out / "asked.json")],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
            stderr=said,
        )


@pytest.mark.slow
def test_a_pipeline_that_is_killed_in_every_stage_ends_in_the_same_models_and_scores(
    finished, make, toy_folder, tmp_path
):
    config = make(tmp_path)
    stages = {stage.name: stage.folder for stage in plan(config)}
    signs = {
        "sft": stages["sft"] / "checkpoints" / "step-00000002",
        "rollouts": stages["rollouts"] / STAMP,
        "grpo": stages["grpo"] / "checkpoints" / "step-00000001",
        "eval sft": stages["eval sft"] / STAMP,
    }
    for sign in signs.values():
        process = launch(config, toy_folder)
        while process.poll() is None and not sign.exists():
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL, f"done before there was {sign}"
    assert launch(config, toy_folder).wait() == 0
    starts = {name: json.loads((folder / STAMP).read_text())["starts"] for name, folder in stages.items()}
    assert starts == dict.fromkeys(stages, 1) | dict.fromkeys(signs, 2)
    for name, model in contenders(config).items():
        assert same(weights(model), weights(contenders(finished)[name])), name
        mine, theirs = (read_scores(c.out / "eval" / name) for c in (config, finished))
        assert mine == theirs
    mined = [c.out / "mined" / "samples" / "combined.json" for c in (config, finished)]
    assert mined[0].read_bytes() == mined[1].read_bytes()


@pytest.mark.slow
def test_half_an_hour_of_kills_at_random_moments_ends_in_the_same_models_and_scores(
    make, toy_folder, tmp_path
):
    """A quarter of an hour of work if left alone; killed every twenty seconds on average, whatever it is at.

    Both run at once, on a core each, so that half an hour of kills takes half an hour.
    """
    longer = {
        # At a usual rate it would know its few answers by heart, and there would be nothing to mine.
        "sft": {"steps": 12000, "checkpoint_every": 100, "learning_rate": 1e-6},
        "grpo": {"steps": 8000, "checkpoint_every": 40},
    }
    alone, killed = (make(tmp_path / name, **longer) for name in ("alone", "killed"))
    for config in (alone, killed):
        config.out.mkdir()
    undisturbed = launch(alone, toy_folder)
    moments, kills, began = random.Random(0), 0, time.monotonic()
    while (process := launch(killed, toy_folder)) and time.monotonic() < began + 1800:
        try:
            process.wait(timeout=4 + moments.expovariate(1 / 16))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            assert process.wait() == -signal.SIGKILL
            kills += 1
    assert process.wait() == 0
    print(f"killed {kills} times in {(time.monotonic() - began) / 60:.0f} minutes")
    assert kills >= 10
    assert undisturbed.wait() == 0
    for name, model in contenders(killed).items():
        assert same(weights(model), weights(contenders(alone)[name])), name
        mine, theirs = (read_scores(c.out / "eval" / name) for c in (killed, alone))
        assert mine == theirs


@pytest.mark.slow
def test_two_processes_do_together_what_one_does(finished, make, toy_folder, tmp_path):
    """SFT to the same losses but for rounding; sampled answers may part where rounding tips a draw."""
    config = make(tmp_path)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    assert launch(config, toy_folder, *torchrun).wait(timeout=600) == 0
    ours, theirs = ([row["loss"] for row in read_metrics(c.out / "sft")] for c in (config, finished))
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert due(config) == {}
    for name in contenders(config):
        scores = read_scores(config.out / "eval" / name)
        assert (scores.descriptions.pictures, scores.strict["missing"]) == (2, 0)
