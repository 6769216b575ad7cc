"""`finesight video analyse` with a scripted model, on a small real file."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from finesight.errors import ConfigError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.schema.video import Timeline
from finesight.text.render import render_assess
from finesight.ui.cli import app
from finesight.video.folder import read_timeline
from finesight.video.opening import VideoError

NOISE = Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 1000), key=True)
ANSWER = render_assess(Diagnosis(content="A wall.", findings=(NOISE,), level=Level.POOR))


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A model that always says the same, thirty times."""
    path = tmp_path / "script.jsonl"
    path.write_text("\n".join([json.dumps(ANSWER)] * 30))
    return f"scripted:{path}"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One second of slowly brightening grey."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(25):
            picture = np.full((64, 96, 3), 100 + i, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode(None))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["video", "analyse", *map(str, arguments)])


def test_the_table_is_on_stdout_and_the_timeline_in_the_folder(
    clip: Path, script: str, tmp_path: Path
) -> None:
    result = run(clip, "--out", tmp_path / "run", "--model", script)
    assert result.exit_code == 0, result.output
    assert "severe noise 100% KEY" in result.stdout
    assert "score 2.00 of 5" in result.stdout
    (one,) = read_timeline(tmp_path / "run").shots
    assert (one.shot.frames, one.score) == (25, 2)


def test_json_is_the_timeline_and_a_second_run_asks_nothing(clip: Path, script: str, tmp_path: Path) -> None:
    arguments = (clip, "--out", tmp_path / "run", "--model", script, "--json", "budget=4", "again=0")
    first = run(*arguments)
    assert first.exit_code == 0, first.output
    timeline = Timeline.model_validate_json(first.stdout)
    assert timeline == read_timeline(tmp_path / "run")
    assert sum(len(one.frames) for one in timeline.shots) == 4
    Path(script.removeprefix("scripted:")).touch()
    assert run(*arguments).stdout == first.stdout


def test_settings_come_from_a_file_and_unknown_ones_are_refused(
    clip: Path, script: str, tmp_path: Path
) -> None:
    (tmp_path / "few.toml").write_text("budget = 2\nextremes = false\n")
    result = run(clip, tmp_path / "few.toml", "again=0", "--out", tmp_path / "run", "--model", script)
    assert result.exit_code == 0, result.output
    assert sum(len(one.frames) for one in read_timeline(tmp_path / "run").shots) == 2
    wrong = run(clip, "frames=3", "--out", tmp_path / "other", "--model", script)
    assert isinstance(wrong.exception, ConfigError)
    assert "frames" in str(wrong.exception)


def test_a_model_that_says_nothing_readable_of_any_frame_is_a_failure(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "babble.jsonl").write_text("\n".join([json.dumps("Hm.")] * 30))
    result = run(clip, "--out", tmp_path / "run", "--model", f"scripted:{tmp_path / 'babble.jsonl'}")
    assert result.exit_code == 1
    assert "unknown: no frame has a diagnosis" in result.stdout
    assert "have no diagnosis and count for nothing" in result.stderr


def test_a_file_that_is_no_video_is_told_of_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video at all")
    result = run(tmp_path / "a.mp4", "--out", tmp_path / "run", "--model", "no/such/model")
    assert isinstance(result.exception, VideoError)
    assert not (tmp_path / "run").exists()
