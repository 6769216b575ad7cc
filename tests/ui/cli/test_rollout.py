"""`finesight rollout` from sampling to scoring anew, with a script and, killed in between, with a tiny nano."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.data.folder import SAMPLES
from finesight.data.readers import read_rollouts, write_samples
from finesight.errors import ConfigError
from finesight.schema.sample import Sample, Subclass
from finesight.ui.cli import app

OWN = """from finesight.scoring.rewards import Reward

def shout(sample, answer, settings):
    return Reward(0.125)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four questions with two options about two pictures, one question to rate."""
    options = {"candidates": ("noise", "blur"), "subclass": Subclass.MCQ, "answer": "A."}
    samples = [
        Sample(id=f"s{n}", image=f"{n % 2}.png", question=f"Question {n}?\nA. noise\nB. blur", **options)
        for n in range(4)
    ]
    samples.append(Sample(id="s4", image="0.png", subclass=Subclass.QA, question="Why?", answer="So."))
    (tmp_path / "data/images").mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (120, 90), (number * 90, 9, 200)).save(tmp_path / f"data/images/{number}.png")
    write_samples(tmp_path / "data" / SAMPLES, samples)
    return tmp_path / "data"


@pytest.fixture
def script(tmp_path: Path) -> str:
    """Answers picture by picture: questions 0, 2 and 4, then 1 and 3."""
    said = ["A.", "A.", "A.", "B.", "So.", "No.", "B.", "B.", "perhaps", "B."]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))
    return f"scripted:{tmp_path / 'answers.jsonl'}"


def run(*words: object) -> str:
    ran = CliRunner().invoke(app, ["rollout", *map(str, words)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_answers_are_sampled_scored_and_told(data, script, tmp_path):
    said = json.loads(run("sample", data, tmp_path / "out", "--model", script, "--samples", 2, "--json"))
    assert {k: v for k, v in said.items() if not isinstance(v, dict)} == {
        "sampled": 5,
        "before": 0,
        "skipped": 0,
        "unreadable": 0,
    }
    mcq = said["subclasses"]["mcq"]
    assert mcq["groups"] == 4
    assert mcq["answers"] == 8
    assert mcq["unscored"] == 1
    assert mcq["reward"] == pytest.approx(3 / 7)
    assert mcq["spread"] == pytest.approx(0.5 / 3)
    assert (mcq["all_right"], mcq["all_wrong"], mcq["alike"]) == (1, 2, 3)
    assert said["subclasses"]["qa"]["reward"] is None
    assert said["all"]["answers"] == 10


def test_the_table_has_a_row_a_subclass(data, script, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    table = run("sample", data, tmp_path / "out", "--model", script, "--samples", 2)
    rows = {
        cells[0]: cells[1:]
        for line in table.splitlines()
        if len(cells := line.replace("│", " ").split()) == 10
    }
    assert rows["mcq"] == ["4", "8", "0.429", "0.167", "1", "2", "3", "1", "0"]
    assert rows["qa"] == ["1", "2", "-", "-", "0", "0", "0", "2", "0"]
    assert rows["all"] == ["5", "10", "0.429", "0.167", "1", "2", "3", "3", "0"]
    assert "5 sampled, 0 before, 0 skipped" in table


def test_a_script_goes_on_where_it_was(data, script, tmp_path):
    run("sample", data, tmp_path / "parts", "--model", script, "--samples", 2, "--limit", 1)
    run("sample", data, tmp_path / "parts", "--model", script, "--samples", 2)
    run("sample", data, tmp_path / "whole", "--model", script, "--samples", 2)
    parts, whole = (
        {g.index: g for g in read_rollouts([tmp_path / name / "rollouts.jsonl"])}
        for name in ("parts", "whole")
    )
    assert parts == whole
    assert len(whole) == 5


def test_answers_are_scored_anew_without_torch(data, script, tmp_path):
    run("sample", data, tmp_path / "out", "--model", script, "--samples", 2)
    (tmp_path / "mine.py").write_text(OWN)
    program = (
        "import sys\nfrom finesight.ui.cli import app\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "try:\n    app(sys.argv[1:])\nfinally:\n    assert 'torch' not in sys.modules\n"
    )
    words = ["rollout", "score", str(tmp_path / "out"), "--rewards", "qa=mine:shout", "--json"]
    words += ["--reward-weights", "hit=0.7"]
    ran = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    said = json.loads(ran.stdout)
    assert said["subclasses"]["qa"]["reward"] == 0.125
    assert said["subclasses"]["mcq"]["reward"] == pytest.approx(3 / 7)
    groups = list(read_rollouts([tmp_path / "out/rollouts.jsonl"]))
    assert [a.reward for g in groups for a in g.answers if g.sample.subclass is Subclass.QA] == [0.125] * 2
    record = json.loads((tmp_path / "out/rollouts.json").read_text())
    assert record["scoring"]["own"] == {"qa": "mine:shout"}
    with pytest.raises(ConfigError, match="scored in another way"):
        run("sample", data, tmp_path / "out", "--model", script, "--samples", 2)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--shard", "5/4", "write i/n"),
        ("--shard", "two", "write i/n"),
        ("--rewards", "mcq", "key=value"),
        ("--reward-weights", "hti=1", "hti"),
        ("--subclasses", "mqc", "subclasses"),
        ("--top-p", "1.5", "top_p"),
    ],
)
def test_a_wrong_option_is_named(data, script, tmp_path, option, value, told):
    ran = CliRunner().invoke(
        app, ["rollout", "sample", str(data), str(tmp_path / "out"), "--model", script, option, value]
    )
    assert ran.exit_code != 0
    assert told in (str(ran.exception) + ran.output)
    assert not (tmp_path / "out").exists()


def test_under_torchrun_every_process_takes_its_part(data, script, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    run("sample", data, tmp_path / "out", "--model", script, "--samples", 2)
    groups = list(read_rollouts([tmp_path / "out/rollouts-00002-of-00002.jsonl"]))
    assert [g.index for g in groups] == [1, 3]


KILLED = """
import os, signal, sys
from finesight.data.rollouts import RolloutLog
plain, batches = RolloutLog.add, []
def add(log, groups):
    groups = list(groups)
    batches.append(groups)
    if len(batches) == 2:
        log._file.write(groups[0].model_dump_json().encode()[:200])
        log._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    plain(log, groups)
RolloutLog.add = add
from finesight.ui.cli import app
app(sys.argv[1:])
"""


@pytest.mark.slow
def test_sampling_that_is_killed_ends_in_the_same_rollouts(tiny, data, tmp_path):
    """In the midst of a line of the second batch, by SIGKILL."""
    from finesight.model.load import save_model

    save_model(tiny("finesight_nano"), tmp_path / "model")
    words = [
        "--model",
        tmp_path / "model",
        "--samples",
        3,
        "--rows",
        4,
        "--max-new-tokens",
        6,
        "--device",
        "cpu",
    ]
    killed = ["rollout", "sample", data, tmp_path / "killed", *words]
    ran = subprocess.run([sys.executable, "-c", KILLED, *map(str, killed)], capture_output=True, check=False)
    assert ran.returncode == -9
    half = (tmp_path / "killed/rollouts.jsonl").read_bytes()
    assert half.count(b"\n") == 3
    assert not half.endswith(b"\n")
    said = json.loads(run("sample", data, tmp_path / "killed", *words, "--json"))
    assert (said["before"], said["sampled"]) == (3, 2)
    run("sample", data, tmp_path / "whole", *words)
    assert (tmp_path / "killed/rollouts.jsonl").read_bytes() == (
        tmp_path / "whole/rollouts.jsonl"
    ).read_bytes()
