"""`finesight video process` on a small real file that is analysed and planned as a user does it."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from imageio_ffmpeg import get_ffmpeg_exe
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.processed import Processed
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.ui.cli import app
from finesight.video.process import read_processed

DARK = Finding(
    type=DistortionType.UNDEREXPOSURE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 1000), key=True
)
ANSWER = render_assess(Diagnosis(content="A wall.", findings=(DARK,), level=Level.POOR))


def ran(*words: object) -> Result:
    result = CliRunner().invoke(app, ["video", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two dark shots of a second each."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(50):
            picture = np.full((64, 96, 3), 30, np.uint8)
            picture[:, 48 * (i // 25) : 48 * (i // 25) + 40 + i % 25 // 4] = (90, 20, 60)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def run(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join([json.dumps(ANSWER)] * 30))
    ran("analyse", clip, "--out", tmp_path / "run", "--model", f"scripted:{script}")
    ran("plan", tmp_path / "run")
    return tmp_path / "run"


def luma(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.to_ndarray(format="gray").mean()) for frame in file.decode(video=0)]


def test_the_shots_are_printed_and_one_video_is_made(run, clip):
    result = ran("process", run, "preset=ultrafast", "--jobs", 2)
    made = read_processed(run)
    out = run / made.output
    assert "brighten" in result.stdout
    assert str(out) in result.stdout.splitlines()[-1]
    assert "encoder: -c:v libx264 -preset ultrafast -crf 16" in result.stderr
    assert "its colour tags are not all there; taken and written: " in result.stderr
    before, after = luma(clip), luma(out)
    assert len(after) == 50
    assert all(b > a + 20 for a, b in zip(before, after, strict=True))


def test_for_machines_it_is_what_is_written(run):
    printed = ran("process", run, "--json", "preset=ultrafast").stdout
    assert Processed.model_validate_json(printed) == read_processed(run)
    assert len(printed.splitlines()) == 1


def test_a_dry_run_prints_commands_that_do_the_same(run):
    lines = ran("process", run, "--dry-run", "preset=ultrafast").stdout.splitlines()
    assert not (run / "processed.json").exists()
    assert not (run / "processed/chunks").exists()
    assert all(line.startswith("ffmpeg ") for line in lines)
    listed = json.loads(ran("process", run, "--dry-run", "--json", "preset=ultrafast").stdout)["commands"]
    assert [shlex.split(line)[1:] for line in lines] == listed
    ran("process", run, "preset=ultrafast")
    chunk = next((run / "processed/chunks").iterdir())
    before = chunk.read_bytes()
    chunk.unlink()
    words = next(words for words in listed if words[-1] == f"file:{chunk}")
    subprocess.run([get_ffmpeg_exe(), "-loglevel", "error", *words], check=True)
    assert chunk.read_bytes() == before


def test_settings_come_from_a_file_and_from_words(run, tmp_path):
    settings = tmp_path / "small.toml"
    settings.write_text('preset = "ultrafast"\ncrf = 30\n')
    ran("process", run, settings, "crf=32")
    assert read_processed(run).encoder[:6] == ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "32")
    with pytest.raises(ConfigError, match="crf"):
        ran("process", run, "crf=99")


def test_a_file_that_has_moved_is_named(run, clip, tmp_path):
    moved = tmp_path / "elsewhere: a film.mp4"
    clip.rename(moved)
    with pytest.raises(InputError, match="--source"):
        ran("process", run)
    ran("process", run, "--source", moved, "preset=ultrafast")
    assert len(luma(run / read_processed(run).output)) == 50


def test_a_run_without_a_plan_is_refused_with_the_remedy(run):
    (run / "plan.json").unlink()
    with pytest.raises(InputError, match="finesight video plan"):
        ran("process", run)


def test_an_ffmpeg_from_a_script_shows_commands_and_makes_nothing(run, tmp_path):
    script = tmp_path / "none.json"
    script.write_text('{"": "no such encoder"}')
    assert "lutyuv" in ran("process", run, "--ffmpeg", f"scripted:{script}", "--dry-run").stdout
    with pytest.raises(InputError, match="ffmpeg failed: no such encoder"):
        ran("process", run, "--ffmpeg", f"scripted:{script}")
