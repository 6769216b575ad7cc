"""Running ffmpeg, and the script that stands in for it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from finesight.errors import ConfigError, InputError, ScriptError
from finesight.video.ffmpeg import Ffmpeg, Ran, Runner, ScriptedFfmpeg, frames_out, load_runner

CLIP = ["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=25,trim=end_frame=7"]


@pytest.fixture(scope="module")
def ffmpeg() -> Runner:
    return load_runner()


def program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_program_that_comes_with_the_package_is_found_by_its_absolute_path(ffmpeg):
    assert isinstance(ffmpeg, Ffmpeg)
    assert ffmpeg.path.is_absolute()
    assert os.access(ffmpeg.path, os.X_OK)


def test_frames_are_counted_and_bytes_come_back(ffmpeg):
    assert frames_out(ffmpeg.run([*CLIP, "-f", "framemd5", "-"])) == 7
    raw = ffmpeg.run([*CLIP, "-f", "rawvideo", "-pix_fmt", "gray", "-"])
    assert (raw.code, len(raw.out)) == (0, 7 * 32 * 32)


def test_what_is_given_is_what_is_read(ffmpeg):
    given = bytes(range(256)) * 4
    form = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "32x32"]
    assert ffmpeg.run([*form, "-i", "-", *form[:4], "-"], given).out == given


def test_a_failure_has_its_code_and_its_words(ffmpeg):
    ran = ffmpeg.run([*CLIP, "-vf", "nosuchfilter", "-f", "framemd5", "-"])
    assert ran.code != 0
    assert "nosuchfilter" in ran.said
    assert frames_out(ran) == 0


def test_a_run_that_does_not_end_is_ended(ffmpeg):
    endless = ["-re", "-f", "lavfi", "-i", "testsrc2=size=32x32", "-f", "null", "-"]
    with pytest.raises(InputError, match=r"not done after 0\.3 s: "):
        ffmpeg.run(endless, seconds=0.3)


def test_a_program_that_is_not_ffmpeg_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'does not say that it is ffmpeg; pip install "imageio-ffmpeg"'):
        Ffmpeg(program(tmp_path / "ffmpeg", "echo hello"))
    with pytest.raises(ConfigError, match=r"none: cannot be run .*pip install"):
        load_runner(str(tmp_path / "none"))


def test_another_binary_of_the_same_version_is_told_apart(tmp_path):
    says = "echo ffmpeg version 1.2 Copyright"
    one, two = (Ffmpeg(program(tmp_path / name, says)) for name in ("a", "b"))
    assert one.version.split()[0] == two.version.split()[0] == "1.2"
    assert one.version != two.version


def test_lines_of_frames_are_counted_whatever_stands_around_them():
    assert (
        frames_out(Ran(0, b"#format: frame checksums\n#tb 0: 1/25\n0, 0, 0, 1, 9, a\n0, 1, 1, 1, 9, b\n", ""))
        == 2
    )
    assert frames_out(Ran(0, b"", "")) == 0


# The script


def test_a_script_gives_the_frames_or_the_words_that_it_has_for_an_argument():
    script = ScriptedFfmpeg({"bwdif": 5, "zscale": "no path between colorspaces"})
    assert frames_out(script.run(["-vf", "bwdif=mode=send_frame"])) == 5
    failed = script.run(["-vf", "zscale=w=2"])
    assert (failed.code, failed.said, frames_out(failed)) == (1, "no path between colorspaces", 0)
    assert script.asked == [("-vf", "bwdif=mode=send_frame"), ("-vf", "zscale=w=2")]


def test_a_script_does_not_invent_what_it_was_not_told():
    with pytest.raises(ScriptError, match=r"nothing for '-vf cas'; add a word of it to the script"):
        ScriptedFfmpeg({"bwdif": 5}).run(["-vf", "cas"])


def test_a_script_is_read_from_a_file(tmp_path):
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"": 5}))
    runner = load_runner(f"scripted:{file}")
    assert frames_out(runner.run(["anything"])) == 5
    assert runner.version.startswith("scripted:old.json ")


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1.5}', '{"a": true}', "{"])
def test_a_file_that_is_no_script_is_refused(tmp_path, text):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json: "):
        load_runner(f"scripted:{file}")


# Following a run


def test_a_run_that_is_followed_tells_how_far_it_is(ffmpeg):
    heard: list[int] = []
    ran = ffmpeg.follow([*CLIP, "-f", "null", "-"], heard.append)
    assert ran.code == 0
    assert heard[-1] == 7
    assert heard == sorted(heard)
    failed = ffmpeg.follow([*CLIP, "-vf", "nosuchfilter", "-f", "null", "-"], heard.append)
    assert failed.code != 0
    assert "nosuchfilter" in failed.said


def test_one_who_hears_of_it_and_fails_ends_the_run(ffmpeg):
    def fail(frames: int) -> None:
        raise RuntimeError("enough")

    endless = ["-re", "-f", "lavfi", "-i", "testsrc2=size=32x32:rate=25", "-f", "null", "-"]
    with pytest.raises(RuntimeError, match="enough"):
        ffmpeg.follow(endless, fail)


def test_a_script_that_is_followed_tells_its_frames():
    heard: list[int] = []
    ScriptedFfmpeg({"": 4}).follow(["anything"], heard.append)
    assert heard == [4]
