"""The verb, from a TOML file to a table and a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from finesight.data.bench import write_bench
from finesight.data.folder import link_images, read_folder
from finesight.errors import ConfigError
from finesight.train.pipeline_settings import STAGES
from finesight.ui.cli import app
from finesight.ui.cli.train_pipeline import Until

SETTINGS = """
data = "{data}"
bench = "{bench}"
out = "{out}"
answer_tokens = 8

[sft]
steps = 2
batch = 2
questions = 2
vocabulary = 1600

[sft.nano]
width = 96
layers = 2
heads = 2
encoder_layers = 1
max_pixels = 12544
min_pixels = 3136

[rollout]
limit = 8

[own_rewards]
{rewards}

[mining]
low = 0.0
high = 1.0
epsilon = 0.0
min_scored = 2

[grpo]
steps = 1
batch = 2
questions = 2

[grpo.sampling]
samples = 4
max_new_tokens = 6
"""
SUBCLASSES = ("assess", "brief_assess", "dist_assess", "dist_detect", "ref-grounding", "reg-perception")
REWARD = """
from finesight.scoring.rewards import Reward


def vowels(sample, answer, settings):
    return Reward(sum(c in "aeiou" for c in answer) / max(1, len(answer)))
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", "pipeline", *map(str, arguments)])


@pytest.fixture(scope="module")
def file(training_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a pipeline of seconds; where it goes to stands beside them."""
    home = tmp_path_factory.mktemp("cli")
    write_bench(list(read_folder(training_set))[:2], home / "bench", 0)
    link_images(home / "bench", training_set)
    rewards = "\n".join(f'"{name}" = "vowel_reward:vowels"' for name in (*SUBCLASSES, "mcq", "qa", "score"))
    text = SETTINGS.format(data=training_set, bench=home / "bench", out=home / "out", rewards=rewards)
    (home / "vowel_reward.py").write_text(REWARD)
    (home / "p.toml").write_text(text)
    return home / "p.toml"


@pytest.fixture(scope="module")
def done(file: Path) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(file.parent))
        ran = run(file)
    assert ran.exit_code == 0, ran.output
    return ran


def test_a_dry_run_says_what_would_be_run_and_runs_nothing(file, tmp_path):
    ran = run(file, f"out={tmp_path}/new", "grpo.steps=7", "--dry-run")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["grpo"]["steps"], said["grpo"]["data"]) == (7, f"{tmp_path}/new/mined")
    stages = [line.split(":")[0] for line in ran.stderr.splitlines()]
    assert stages == ["sft", "rollouts", "mine", "grpo", "eval sft", "eval grpo"]
    assert all(line.endswith(": run, not done yet") for line in ran.stderr.splitlines())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["grpo.step=3"], "grpo.step: Extra inputs"),
        (["sft.nano.heads=5"], "sft.nano: .*5 heads"),
        (["grpo.data=x"], "grpo.data follows"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(file, settings, complaint):
    ran = run(file, *settings, "--dry-run")
    assert isinstance(ran.exception, ConfigError)
    assert re.search(complaint, str(ran.exception))


def test_an_unknown_stage_is_wrong_usage(file):
    ran = run(file, "--until", "lunch")
    assert ran.exit_code == 2
    assert "'lunch' is not one of" in " ".join(ran.stderr.split())


def test_the_stages_of_the_option_are_those_of_the_pipeline():
    assert tuple(Until) == STAGES


def test_a_run_prints_the_table_the_times_and_where_all_of_it_is(file, done):
    out = file.parent / "out"
    assert re.search(r"final\s+[│|]\s*\d\.\d{3}\s*[│|]\s*\d\.\d{3}", done.stdout)
    assert re.search(r"eval grpo\s+[│|]\s*0:\d\d:\d\d", done.stdout)
    assert done.stdout.splitlines()[-2:] == [f"model   {out}/grpo/model", f"report  {out}/report.html"]


def test_a_second_run_prints_the_report_as_json_and_skips_everything(file, done):
    ran = run(file, "--json")
    assert ran.exit_code == 0, ran.output
    report = json.loads(ran.stdout)
    assert json.loads((file.parent / "out" / "report.json").read_text()) == report
    assert list(report["scores"]) == list(report["models"]) == ["sft", "grpo"]
    assert list(report["gained"]) == ["grpo"]
    assert report["mining"]["groups"] == 8
    assert list(report["times"]) == ["sft", "rollouts", "mine", "grpo", "eval sft", "eval grpo"]
    assert {line.split(": ")[1] for line in ran.stderr.splitlines()} == {"skipped, nothing has changed"}


def test_the_page_holds_everything_and_asks_for_nothing(file, done):
    page = (file.parent / "out" / "report.html").read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:6] == [
        "What each stage was good for",
        "The six under the strict protocol",
        "Supervised fine-tuning",
        "GRPO",
        "What was mined",
        "Time",
    ]
    assert page.count("data:image/png;base64,") == 3
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)


def test_a_pipeline_that_ends_early_has_times_and_no_table(file, done):
    ran = run(file, "--until", "rollouts")
    assert "final" not in ran.stdout
    assert "rollouts" in ran.stdout
    record = json.loads(run(file, "--until", "rollouts", "--json").stdout)
    assert (record["scores"], list(record["times"])) == ({}, ["sft", "rollouts"])
