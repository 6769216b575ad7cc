from __future__ import annotations

import json
import threading
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.ui.cli import app


def make_run(folder, steps, held_out=True):
    folder.mkdir(parents=True)
    rows = [
        {
            "step": s,
            "loss": 3 / s,
            "learning_rate": 1e-3,
            "gradient_norm": 2.0,
            "entropy": 1 / s,
            "seconds": s,
        }
        for s in range(1, steps + 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 9')
    if held_out:
        rows = [{"step": s, "loss": 4 / s, "loss/assess": 5 / s, "loss/mcq": 1 / s} for s in (2, 4)]
        (folder / "evaluation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def finish(folder):
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")


def plot(*arguments):
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


def test_a_picture_appears_in_the_run(tmp_path):
    run = make_run(tmp_path / "run", 5)
    done = plot(run)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(run / "curves.png")
    with Image.open(run / "curves.png") as image:
        assert image.width > image.height > 400
        assert len(image.convert("RGB").getcolors(10**6)) > 50


def test_every_quantity_has_a_panel_and_every_run_its_name(tmp_path):
    runs = [make_run(tmp_path / "a" / "same", 5), make_run(tmp_path / "b" / "same", 7, held_out=False)]
    assert plot(*runs, "--out", tmp_path / "c.svg").exit_code == 0
    text = (tmp_path / "c.svg").read_text()
    for label in ("gradient norm", "learning rate", "entropy", "a/same", "b/same", "a/same, held out", "mcq"):
        assert f">{label}<" in text, label
    assert ">b/same, held out<" not in text


def test_rewards_of_a_policy_are_drawn_as_losses_are(tmp_path):
    run = make_run(tmp_path / "policy", 4, held_out=False)
    rows = [{"step": s, "reward": r, "reward/assess": r, "kl_start": 0.1} for s, r in ((2, 0.6), (4, 0.5))]
    (run / "evaluation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert plot(run, "--out", tmp_path / "c.svg").exit_code == 0
    text = (tmp_path / "c.svg").read_text()
    for label in ("reward", "kl start", "assess", "held-out reward by kind, policy"):
        assert f">{label}<" in text, label
    (said,) = map(json.loads, plot(run, "--json").stdout.splitlines())
    assert said["best_held_out"]["step"] == 2
    assert plot(run, "--out", tmp_path / "c.html").exit_code == 0
    assert ">0.6000<" in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize("name", ["c.pdf", "c.html"])
def test_other_endings(tmp_path, name):
    run = make_run(tmp_path / "run <x>", 5)
    assert plot(run, "--out", tmp_path / name).exit_code == 0
    data = (tmp_path / name).read_bytes()
    assert data.startswith(b"%PDF" if name.endswith("pdf") else b"<!doctype html>")
    if name.endswith("html"):
        assert b"run &lt;x&gt;" in data
        assert b"http-equiv" not in data


def test_json_says_how_far_a_run_is(tmp_path):
    run = make_run(tmp_path / "run", 5)
    finish(run)
    (said,) = map(json.loads, plot(run, "--json").stdout.splitlines())
    assert (said["steps"], said["done"]) == (5, True)
    assert said["last"]["loss"] == pytest.approx(0.6)
    assert said["best_held_out"]["step"] == 4
    assert not (run / "curves.png").exists()


def test_watching_draws_until_the_run_is_done(tmp_path):
    run, page = make_run(tmp_path / "run", 5), tmp_path / "c.html"
    results = []
    watcher = threading.Thread(target=lambda: results.append(plot(run, "--watch", "0.1", "--out", page)))
    watcher.start()
    while not page.is_file():
        time.sleep(0.02)
    assert b'http-equiv="refresh"' in page.read_bytes()
    finish(run)
    watcher.join(timeout=60)
    assert results[0].exit_code == 0
    assert b"http-equiv" not in page.read_bytes()
    assert b">done<" in page.read_bytes()


def test_what_cannot_be_drawn_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    assert isinstance(plot(tmp_path / "empty").exception, InputError)
    assert "metrics.jsonl" in str(plot(tmp_path / "empty").exception)
    run = make_run(tmp_path / "run", 3)
    assert isinstance(plot(run, "--out", "c.bmp").exception, ConfigError)
