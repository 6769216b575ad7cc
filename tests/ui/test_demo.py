"""`finesight demo`, at its smallest: everything that it does, on a few pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finesight.ui.cli import app

SMALL = (
    "train_pictures=12",
    "test_pictures=6",
    "size=96",
    "dense_steps=2",
    "steps=4",
    "shown=2",
    "workers=1",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("demo") / "demo"
    ran = CliRunner().invoke(app, ["demo", "--out", str(out), "--json", *SMALL])
    assert ran.exit_code == 0, ran.output
    return out, json.loads(ran.stdout.splitlines()[-1])


def test_all_contenders_answer_the_same_bench(demo):
    _, scores = demo
    assert list(scores) == ["constant", "classical", "nano", "shipped"]
    assert {s["descriptions"]["pictures"] for s in scores.values()} == {6}
    assert len({json.dumps(s) for s in scores.values()}) == 4


def test_the_report_shows_pictures_scores_and_the_course_of_training(demo):
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    assert "On photographs it has not seen" in page
    assert "Training" in page
    assert "finesight-nano" in page


def test_a_second_run_repeats_nothing(demo):
    out, scores = demo
    kept = [
        *out.glob("*/images/*.jpg"),
        out / "run/model/model.safetensors",
        *out.glob("predictions/*/*.json"),
    ]
    assert len(kept) > 20
    before = {file: file.stat().st_mtime_ns for file in kept}
    again = CliRunner().invoke(app, ["demo", "--out", str(out), "--json", *SMALL])
    assert json.loads(again.stdout.splitlines()[-1]) == scores
    assert {file: file.stat().st_mtime_ns for file in kept} == before
