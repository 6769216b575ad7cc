from __future__ import annotations

import json
import threading
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.ui.cli import app
from finesight.ui.curves import draw_runs
from finesight.ui.runs import read_runs


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


def make_policy(folder, steps=12, evaluations=(4, 8, 12)):
    """Rows as GRPO logs them: steps whose groups had no spread have no loss, and rates may be 0 at first."""
    folder.mkdir(parents=True)
    rows = []
    for s in range(1, steps + 1):
        told = {"reward": 0.4 + s / 40, "reward_std": 0.2 / s, "zero_variance": s / 20, "unscored": 0.0}
        told |= {"cut_off": 0.01, "answer_tokens": 40.0, "groups": 4, "refills": 1, "rollout_seconds": 2.0}
        if s != 3:
            told |= {"loss": 0.0, "entropy": 0.8 / s, "clip_fraction": 0.0, "gradient_norm": 0.0}
        rows.append({"step": s, **told, "learning_rate": 0.0, "update_seconds": 1.0, "seconds": 3 * s})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    held = [
        {
            "step": s,
            "reward": 0.5 - abs(s - 8) / 100,
            "reward/mcq": 0.6,
            "reward/assess": 0.3,
            "kl_start": s / 9,
        }
        for s in evaluations
    ]
    (folder / "evaluation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held))
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


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_of_a_policy_what_it_earns_and_what_that_costs_comes_first(tmp_path):
    figure = draw_runs(read_runs([make_policy(tmp_path / "policy")]))
    assert titles(figure)[:3] == ["reward", "entropy", "divergence from the start (KL)"]
    assert {"groups without spread", "tokens clipped", "answers cut off", "loss"} <= set(titles(figure))
    assert titles(figure)[-1] == "held-out reward by kind, policy"
    assert [line.get_label() for line in figure.axes[-1].lines] == ["assess", "mcq"]
    assert legend(figure) == ["policy", "policy, held out"]


def test_a_quantity_that_is_logged_by_evaluation_alone_has_a_panel_too(tmp_path):
    run = make_policy(tmp_path / "policy")
    (run / "evaluation.jsonl").write_text('{"step": 12, "kl_start": 0.25, "odd_one": 2.0}\n')
    assert {"divergence from the start (KL)", "odd one"} <= set(titles(draw_runs(read_runs([run]))))


def test_the_fall_of_the_entropy_is_seen_against_zero_and_where_it_began(tmp_path):
    runs = read_runs([make_policy(tmp_path / "policy", steps=60)])
    axes = next(a for a in draw_runs(runs).axes if a.get_title() == "entropy")
    assert axes.get_ylim()[0] == 0
    curve = next(line for line in axes.lines if line.get_label() == "policy")
    (start,) = (line for line in axes.lines if line.get_linestyle() == ":")
    assert set(start.get_ydata()) == {curve.get_ydata()[0]}
    assert axes.get_ylim()[1] > curve.get_ydata()[0] > 5 * curve.get_ydata()[-1]


def test_what_is_best_of_a_policy_is_its_largest_reward(tmp_path):
    run = make_policy(tmp_path / "policy")
    (said,) = map(json.loads, plot(run, "--json").stdout.splitlines())
    assert said["best_held_out"]["step"] == 8
    assert plot(run, "--out", tmp_path / "c.html").exit_code == 0
    page = (tmp_path / "c.html").read_text()
    assert "<td>reward 0.7000</td><td>reward 0.5000</td>" in page


def test_a_run_that_was_evaluated_by_neither_loss_nor_reward_has_no_best(tmp_path):
    run = make_policy(tmp_path / "policy")
    (run / "evaluation.jsonl").write_text('{"step": 12, "kl_start": 0.25}\n')
    (said,) = map(json.loads, plot(run, "--json").stdout.splitlines())
    assert said["best_held_out"] is None


def test_runs_of_different_recipes_share_the_panels_they_share(tmp_path):
    figure = draw_runs(read_runs([make_run(tmp_path / "sft", 5), make_policy(tmp_path / "grpo")]))
    assert legend(figure) == ["grpo", "grpo, held out", "sft", "sft, held out"]
    assert titles(figure).count("loss") == titles(figure).count("reward") == 1


@pytest.mark.parametrize("rate", [0.0, 1e-4])
def test_a_rate_that_stays_the_same_is_drawn_without_a_warning(tmp_path, rate):
    run = make_policy(tmp_path / "policy")
    text = (run / "metrics.jsonl").read_text().replace('"learning_rate": 0.0', f'"learning_rate": {rate}')
    (run / "metrics.jsonl").write_text(text)
    figure = draw_runs(read_runs([run]))
    axes = figure.axes[titles(figure).index("learning rate")]
    low, high = axes.get_ylim()
    assert low < rate < high


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
