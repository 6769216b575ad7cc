"""`finesight video run` as a user types it: one dark clip in, one brighter clip out, or none."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.schema.acceptance import ChainResult
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.ui.cli import app
from finesight.video.ffmpeg import SCRIPTED

DARK = Finding(
    type=DistortionType.UNDEREXPOSURE, severity=Severity.MODERATE, box=Box.of(0, 0, 1000, 1000), key=True
)
BAD = render_assess(Diagnosis(content="A wall.", findings=(DARK,), level=Level.POOR))
FINE = render_assess(Diagnosis(content="A wall.", findings=(), level=Level.GOOD))
FEW = (
    "analysis.short_frames=2",
    "analysis.extremes=false",
    "analysis.again=0",
    "process.preset=ultrafast",
    "process.crf=8",
)


def ran(*words: object, code: int = 0) -> Result:
    arguments = ["video", "run", *map(str, words)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One dark shot of half a second."""
    path = tmp_path / "clip.mp4"
    rng = np.random.default_rng(1)
    picture = np.kron(rng.integers(20, 90, (8, 14, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "6"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(12):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, i : i + 96]))))
        out.mux(stream.encode(None))
    return path


def script(folder: Path, *answers: str) -> str:
    (folder / "script").write_text("\n".join(json.dumps(answer) for answer in answers))
    return f"scripted:{folder / 'script'}"


def brightness(path: Path) -> float:
    with av.open(str(path)) as file:
        return float(np.mean([frame.to_ndarray(format="gray").mean() for frame in file.decode(video=0)]))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_video_that_is_better_is_put_in_its_place(clip, tmp_path):
    before, out = digest(clip), tmp_path / "out.mp4"
    said = ran(clip, out, *FEW, "--model", script(tmp_path, BAD, BAD, FINE, FINE))
    assert said.stdout.splitlines()[-1].startswith("accepted: of 1 shots 1 accepted; ")
    assert f"{out}: accepted" in said.stderr
    assert f"{clip}: its colour tags are not all there; taken and written: " in said.stderr
    assert brightness(out) > brightness(clip) + 20
    assert digest(clip) == before
    assert (tmp_path / "out.mp4.run/acceptance.json").exists()
    out.write_bytes(b"")
    assert (tmp_path / "out.mp4.run/processed/video.mp4").stat().st_size > 0


def test_run_again_it_says_the_same_and_asks_no_model(clip, tmp_path):
    out, model = tmp_path / "out.mp4", script(tmp_path, BAD, BAD, FINE, FINE)
    first = ran(clip, out, *FEW, "--model", model).stdout
    before = digest(out)
    assert ran(clip, out, *FEW, "--model", model).stdout == first
    assert digest(out) == before


def test_a_rejected_video_leaves_no_output_and_exit_code_3(clip, tmp_path):
    out = tmp_path / "out.mp4"
    said = ran(clip, out, *FEW, "--model", script(tmp_path, *[BAD] * 4), code=3)
    assert said.stdout.splitlines()[-1] == "rejected: of 1 shots 1 no benefit; the source is kept"
    assert not out.exists()


def test_where_nothing_is_planned_nothing_is_encoded(clip, tmp_path):
    out = tmp_path / "out.mp4"
    said = ran(clip, out, *FEW, "--json", "--model", script(tmp_path, FINE, FINE))
    told = ChainResult.model_validate_json(said.stdout)
    assert (told.output, told.acceptance) == (None, None)
    assert "nothing is called for it" in said.stderr
    assert not out.exists()
    assert not (tmp_path / "out.mp4.run/processed.json").exists()


def test_for_machines_it_is_one_line(clip, tmp_path):
    out, work = tmp_path / "out.mp4", tmp_path / "work"
    model = script(tmp_path, BAD, BAD, FINE, FINE)
    said = ran(clip, out, *FEW, "--run", work, "--jobs", 1, "--json", "--model", model).stdout
    told = ChainResult.model_validate_json(said)
    assert (told.output, told.run, len(said.splitlines())) == (str(out), str(work), 1)
    assert told.acceptance is not None
    assert told.acceptance.outcome == "accepted"


def test_a_dry_run_prints_plan_and_commands_and_encodes_nothing(clip, tmp_path):
    out, model = tmp_path / "out.mp4", script(tmp_path, BAD, BAD)
    said = ran(clip, out, *FEW, "--dry-run", "--model", model).stdout
    assert "brighten" in said
    assert "fired" in said or "because" in said or "Underexposure" in said
    commands = [line for line in said.splitlines() if line.startswith("ffmpeg ")]
    assert len(commands) == 2
    assert "lutyuv" in commands[0]
    told = json.loads(ran(clip, out, *FEW, "--dry-run", "--json", "--model", model).stdout)
    assert [shlex.split(line)[1:] for line in commands] == told["commands"]
    assert told["plan"]["shots"][0]["calls"][0]["tool"] == "brighten"
    assert not out.exists()
    assert not (tmp_path / "out.mp4.run/processed/chunks").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [("out.mkv", "name it out.mp4"), ("clip.mp4", "is the source"), ("other.mp4", "already")],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(clip, tmp_path, name, says):
    (tmp_path / "other.mp4").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=says):
        ran(clip, tmp_path / name, "--model", script(tmp_path, BAD))
    assert (tmp_path / "other.mp4").read_bytes() == b"mine"
    assert not list(tmp_path.glob("*.run"))


def test_an_unknown_goal_is_refused_with_those_that_there_are(clip, tmp_path):
    with pytest.raises(ConfigError, match="--goal sharper: is none; there is clean"):
        ran(clip, tmp_path / "out.mp4", "--goal", "sharper", "--model", script(tmp_path, BAD))


def test_settings_of_both_parts_come_from_one_file(clip, tmp_path):
    settings = tmp_path / "chain.toml"
    settings.write_text(
        '[analysis]\nshort_frames = 1\nextremes = false\nagain = 0\n[process]\npreset = "ultrafast"\n'
    )
    model = script(tmp_path, BAD, FINE)
    ran(clip, tmp_path / "out.mp4", settings, "process.crf=9", "--model", model)
    made = json.loads((tmp_path / "out.mp4.run/processed.json").read_text())
    assert (made["settings"]["preset"], made["settings"]["crf"]) == ("ultrafast", 9)
    with pytest.raises(ConfigError, match="crf"):
        ran(clip, tmp_path / "other.mp4", "crf=9", "--model", model)


def test_a_model_that_says_nothing_plans_nothing_and_says_so(clip, tmp_path):
    with pytest.raises(InputError, match="no frame of it has a diagnosis"):
        ran(clip, tmp_path / "out.mp4", *FEW, "--model", script(tmp_path, "what?", "what?"))


def test_every_attempt_is_remembered_shown_and_exported(clip, tmp_path):
    store = tmp_path / "store.sqlite"
    ran(
        clip, tmp_path / "a.mp4", *FEW, "--feedback", store, "--model", script(tmp_path, BAD, BAD, FINE, FINE)
    )
    ran(clip, tmp_path / "b.mp4", *FEW, "--feedback", store, "--model", script(tmp_path, *[BAD] * 4), code=3)

    def told(*words: object) -> Result:
        done = CliRunner().invoke(app, ["video", "feedback", *map(str, words)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    lines = told(store).stdout.splitlines()
    assert [" ".join(line.split()) for line in lines][-2:] == [
        "brighten planned 2 1 1 0.283",
        "2 attempts at shots of 1 videos",
    ]
    (row,) = json.loads(told(store, "--json").stdout)
    assert (row["outcomes"]["accepted"], row["outcomes"]["no benefit"]) == (1, 1)
    assert row["reward"] == pytest.approx((2 / 3 - 0.1) / 2, abs=1e-5)
    out = tmp_path / "out.jsonl"
    assert "2 attempts" in told(store, "--export", out).stderr
    assert [json.loads(line)["outcome"] for line in out.read_text().splitlines()] == [
        "accepted",
        "no benefit",
    ]
    assert len(json.loads(told(out, store, "--json").stdout)) == 1


def test_without_a_store_attempts_are_remembered_in_the_run(clip, tmp_path):
    ran(clip, tmp_path / "a.mp4", *FEW, "--model", script(tmp_path, BAD, BAD, FINE, FINE))
    assert (tmp_path / "a.mp4.run/feedback.sqlite").stat().st_size > 0


def test_with_a_share_to_explore_the_way_is_drawn_and_its_chance_is_in_the_plan(clip, tmp_path):
    arms = set()
    for seed in range(6):
        out = tmp_path / f"{seed}.mp4"
        model = script(tmp_path, BAD, BAD)
        words = ("--dry-run", "--json", "--explore", 1, "--seed", seed, "--model", model)
        (shot,) = json.loads(ran(clip, out, *FEW, *words).stdout)["plan"]["shots"]
        assert shot["choice"]["propensity"] == pytest.approx(1 / len(shot["choice"]["arms"]))
        arms.add(shot["choice"]["arm"])
    assert len(arms) > 1


def test_a_shot_that_was_drawn_to_be_left_is_remembered_though_nothing_is_made(clip, tmp_path):
    for seed in range(20):
        out, store = tmp_path / f"{seed}.mp4", tmp_path / f"{seed}.sqlite"
        words = ("--explore", 1, "--seed", seed, "--feedback", store, "--model", script(tmp_path, BAD, BAD))
        planned = json.loads(ran(clip, out, *FEW, "--dry-run", "--json", *words).stdout)["plan"]["shots"][0]
        if planned["choice"]["arm"] == "leave":
            break
    assert planned["calls"] == []
    said = ran(clip, out, *FEW, *words)
    assert "nothing is called for it" in said.stderr
    export = tmp_path / "out.jsonl"
    CliRunner().invoke(
        app, ["video", "feedback", str(store), "--export", str(export)], catch_exceptions=False
    )
    (attempt,) = [json.loads(line) for line in export.read_text().splitlines()]
    assert (attempt["outcome"], attempt["reward"], attempt["arm"]) == ("left", 0, "leave")
    assert attempt["propensity"] == pytest.approx(1 / len(attempt["arms"]))


def test_an_ffmpeg_that_cannot_judge_is_refused_before_anything_is_encoded(clip, tmp_path):
    answers = tmp_path / "ffmpeg.json"
    answers.write_text('{"libvmaf": "No such filter: libvmaf", "": 5}')
    out, model = tmp_path / "out.mp4", script(tmp_path, BAD, BAD)
    with pytest.raises(InputError, match=r"cannot score by VMAF neg .*No such filter.*imageio-ffmpeg"):
        ran(clip, out, *FEW, "--model", model, "--ffmpeg", f"{SCRIPTED}{answers}")
    assert not (tmp_path / "out.mp4.run/processed/chunks").exists()
