"""Real clips to HDR10, decoded again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from finesight.errors import ConfigError
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.hdr import Level
from finesight.schema.picture import Outcome
from finesight.schema.taxonomy import Level as Quality
from finesight.ui.cli import app
from finesight.video.accept import Judging
from finesight.video.chain import Job, carry_out, prepare
from finesight.video.frames import FrameReader
from finesight.video.goals import Goal
from finesight.video.hdr.convert import Decided, Wanted
from finesight.video.limits import load_limits
from finesight.video.probe import probe
from finesight.video.rule_files import load_rules
from finesight.video.settings import AnalysisSettings, ChainSettings, ProcessSettings

SETTINGS = ChainSettings(
    analysis=AnalysisSettings(short_frames=2, extremes=False, again=0, min_shot=0.3),
    process=ProcessSettings(crf=8, preset="ultrafast", shortest=0, threads=1),
)
SIZE = (192, 128)


def clean(pictures):
    """A model that finds nothing."""
    seen = Diagnosis(content="A picture.", findings=(), level=Quality.EXCELLENT)
    return [Outcome(image=p.path, width=p.width, height=p.height, diagnosis=seen) for p in pictures]


@pytest.fixture
def clip(tmp_path, write_video, shot) -> Path:
    """A grey shot with a white patch, too small to be a page, and a dark one in colour."""
    light = [np.repeat(picture.mean(-1, keepdims=True), 3, -1) for picture in shot(1, 10, SIZE)]
    light = [np.clip(picture * (120 / light[0].mean()), 0, 200).astype(np.uint8) for picture in light]
    dark = [(picture * (55 / picture.mean())).clip(0, 255).astype(np.uint8) for picture in shot(2, 10, SIZE)]
    for picture in light:
        picture[16:32, 16:32] = 255
    return write_video(tmp_path / "film.mp4", [*light, *dark], tags=(1, 1, 1, 1), audio=1)


def to_hdr(source: Path, out: Path, runner, level: Level | None, diagnose=clean, kill=None):
    def decide(timeline, light):
        return level and Decided(level, "person", "as asked")

    how = Judging(load_limits(), diagnose, cache=out.parent / "cache")
    run = out.with_name(f"{out.name}.run")
    wanted = Wanted(decide=decide)
    job = Job(source, out, run, load_rules(None), runner, Goal.HDR10, "clean", how, SETTINGS, hdr=wanted)
    return carry_out(job, prepare(job))


def codes(path: Path) -> list[np.ndarray]:
    """The luma of each frame as it is stored, in 10 bits."""
    return [one.frame.to_ndarray()[: SIZE[1]] for one in FrameReader(path, 25)]


def test_an_sdr_white_lands_on_203_nits_and_the_file_says_what_it_is(tmp_path, clip, ffmpeg) -> None:
    out = tmp_path / "out.mp4"
    came = to_hdr(clip, out, ffmpeg, Level.D0)
    assert came.hdr is not None
    assert [check for check in came.hdr.checks if not check.passed] == []
    assert came.output == str(out)
    assert came.acceptance is None  # nothing was to be mended
    video = probe(out)
    colour = video.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.range) == (
        "bt2020", "smpte2084", "bt2020nc", "tv",
    )  # fmt: skip
    assert not colour.assumed
    assert video.pixel_format == "yuv420p10le"
    assert video.hdr["max_luminance"] == 1000
    assert video.hdr["max_cll"] == pytest.approx(203, abs=3)
    assert video.audio == 1
    patch = codes(out)[3][20:28, 20:28]
    assert np.median(patch) == pytest.approx(573, abs=1)


def test_what_is_expanded_is_brighter_where_it_was_white_and_as_it_was_elsewhere(
    tmp_path, clip, ffmpeg
) -> None:
    placed, wide = tmp_path / "placed.mp4", tmp_path / "wide.mp4"
    to_hdr(clip, placed, ffmpeg, Level.D0)
    came = to_hdr(clip, wide, ffmpeg, Level.D2)
    assert came.hdr is not None
    assert came.hdr.light.max_cll == pytest.approx(1000, rel=0.02)
    assert came.hdr.decoded.max_cll == pytest.approx(came.hdr.light.max_cll, rel=0.05)
    assert came.hdr.decoded.max_fall == pytest.approx(came.hdr.light.max_fall, rel=0.05)
    before, after = codes(placed)[3], codes(wide)[3]
    assert np.median(after[20:28, 20:28]) == pytest.approx(723, abs=3)  # 1000 nits
    dark = before < 400
    assert np.abs(after[dark].astype(int) - before[dark]).mean() < 3


def test_the_rules_decide_where_nobody_else_does_and_say_why(tmp_path, clip, ffmpeg) -> None:
    came = to_hdr(clip, tmp_path / "out.mp4", ffmpeg, None)
    assert came.hdr is not None
    assert came.hdr.conversions.by == "rules"
    assert "stops" in came.hdr.conversions.why
    assert [one.shot for one in came.hdr.conversions.shots] == [0, 1]


def test_what_was_accepted_is_converted_too(tmp_path, clip, by_brightness, ffmpeg) -> None:
    """The dark shot is mended first; the converted one is as bright as that."""
    plain, mended = tmp_path / "plain.mp4", tmp_path / "mended.mp4"
    to_hdr(clip, plain, ffmpeg, Level.D0)
    came = to_hdr(clip, mended, ffmpeg, Level.D0, by_brightness)
    assert came.acceptance is not None
    assert came.acceptance.outcome in ("accepted", "partly")
    assert codes(mended)[15].mean() > codes(plain)[15].mean() + 20


def test_a_video_that_is_hdr_already_is_refused(tmp_path, clip, ffmpeg) -> None:
    hdr = tmp_path / "hdr.mp4"
    to_hdr(clip, hdr, ffmpeg, Level.D0)
    with pytest.raises(ConfigError, match="is HDR already"):
        to_hdr(hdr, tmp_path / "again.mp4", ffmpeg, Level.D0)


def test_called_again_it_gives_the_same_and_makes_nothing(tmp_path, clip, ffmpeg) -> None:
    out = tmp_path / "out.mp4"
    first = to_hdr(clip, out, ffmpeg, Level.D1)
    chunks = {p: p.stat().st_mtime_ns for p in (tmp_path / "out.mp4.run/hdr/chunks").iterdir()}
    assert to_hdr(clip, out, ffmpeg, Level.D1) == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out.mp4.run/hdr/chunks").iterdir()} == chunks


def test_from_the_command_line(tmp_path, clip, ffmpeg) -> None:
    """A run that was made is converted anew as asked; what is chosen is shown without encoding."""
    to_hdr(clip, tmp_path / "out.mp4", ffmpeg, Level.D0)
    run = tmp_path / "out.mp4.run"

    def told(*words: object):
        done = CliRunner().invoke(app, ["video", "hdr", str(run), "--json", *map(str, words)])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    found = told("--dry-run", "--faces", "none")
    assert found["chosen"]["by"] == "rules"
    assert len(found["light"]["shots"]) == 2
    script = tmp_path / "says.jsonl"
    script.write_text(json.dumps({"answer": "C."}) + "\n")
    found = told("--dry-run", "--choose", f"scripted:{script}")
    assert (found["chosen"]["level"], found["chosen"]["by"]) == ("D2", "model")
    script.write_text(json.dumps({"answer": "No idea"}) + "\n")
    assert told("--dry-run", "--choose", f"scripted:{script}")["chosen"]["by"] == "rules"
    found = told("preset=ultrafast", "crf=8", "--level", "D1")
    assert found["output"] == "hdr/video.mp4"
    assert found["light"]["max_cll"] == pytest.approx(600, rel=0.05)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--level", "D9"], "there is D0, D1, D2, D3"),
        (["--faces", "none.json"], "cannot be read as faces"),
        (["--level", "D1", "--choose", "m"], "leave the other away"),
    ],
)
def test_what_cannot_be_asked_for_is_told(tmp_path, plan_run, clip, words, says) -> None:
    run = plan_run(clip, [10, 10], [[], []])
    done = CliRunner().invoke(app, ["video", "hdr", str(run), *words])
    assert says in str(done.exception)
