"""Which tools an ffmpeg has, and how that is remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from finesight.errors import InputError
from finesight.schema.plan import Step
from finesight.video.capability import FRAMES, default_cache, probe
from finesight.video.ffmpeg import Ran, ScriptedFfmpeg, load_runner
from finesight.video.tool import Tool
from finesight.video.tools import TOOLS

TWO = [TOOLS["bwdif"], TOOLS["cas"]]


def test_every_shipped_tool_runs_in_the_ffmpeg_that_we_install():
    assert probe(TOOLS.values(), load_runner()) == dict.fromkeys(TOOLS, "")


def test_a_filter_that_is_not_there_is_told_in_ffmpegs_words():
    tool = Tool(name="wish", step=Step.COLOUR, says="mends all", filter="nosuchfilter=a=1", fps=1)
    (said,) = probe([tool], load_runner()).values()
    assert said.startswith("0 of 5 frames came out: ")
    assert "nosuchfilter" in said


def test_an_exit_code_of_nought_is_not_believed_when_frames_are_missing():
    script = ScriptedFfmpeg({"bwdif": FRAMES, "cas": FRAMES - 1})
    assert probe(TWO, script) == {"bwdif": "", "cas": "4 of 5 frames came out: exit code 0"}


def test_frames_are_not_believed_when_the_exit_code_is_not_nought():
    class Failing(ScriptedFfmpeg):
        def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
            return super().run(arguments)._replace(code=187, said="[vf @ 0x55d] Error at the end\nmore")

    assert probe(TWO[:1], Failing({"": FRAMES})) == {"bwdif": "5 of 5 frames came out: Error at the end"}


def test_a_tool_that_hangs_is_one_that_does_not_run():
    class Hanging(ScriptedFfmpeg):
        def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
            raise InputError(f"not done after {seconds:g} s")

    assert probe(TWO[:1], Hanging({})) == {"bwdif": "not done after 300 s"}


def test_what_runs_is_asked_once_for_a_version_and_what_fails_each_time(tmp_path):
    script = ScriptedFfmpeg({"bwdif": FRAMES, "cas": "no"})
    first = probe(TWO, script, tmp_path)
    assert len(script.asked) == 2
    assert probe(TWO, script, tmp_path) == first
    assert [" ".join(asked).count("cas") for asked in script.asked[2:]] == [1]


def test_another_version_and_another_filter_are_asked_anew(tmp_path):
    probe(TWO, ScriptedFfmpeg({"": FRAMES}), tmp_path)
    newer = ScriptedFfmpeg({"": FRAMES}, "newer")
    probe(TWO, newer, tmp_path)
    assert len(newer.asked) == 2
    changed = TOOLS["bwdif"].model_copy(update={"filter": "bwdif=mode=send_field"})
    assert probe([changed], newer, tmp_path) == {"bwdif": ""}
    assert len(newer.asked) == 3


def test_a_record_that_cannot_be_read_or_written_costs_a_probe_and_nothing_else(tmp_path):
    script = ScriptedFfmpeg({"": FRAMES})
    probe(TWO, script, tmp_path)
    (file,) = tmp_path.iterdir()
    assert len(json.loads(file.read_text())) == 2
    for broken in ("{", '{"a": 1}', "7"):
        file.write_text(broken)
        assert probe(TWO, script, tmp_path) == {"bwdif": "", "cas": ""}
    assert probe(TWO, script, file / "below a file") == {"bwdif": "", "cas": ""}


def test_the_record_lies_where_the_user_keeps_such_things(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache() == Path("/somewhere/finesight")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_cache() == Path("/home/me/.cache/finesight")


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.tagged and tool.filter])
def test_tools_that_need_tags_are_asked_with_tags(name):
    script = ScriptedFfmpeg({"": FRAMES})
    probe([TOOLS[name]], script)
    (asked,) = script.asked
    assert asked[asked.index("-vf") + 1].startswith("setparams=color_primaries=bt709")
