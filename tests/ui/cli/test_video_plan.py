"""`finesight video plan` and `finesight video tools` on a run folder, with the real ffmpeg and with a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finesight.errors import ConfigError, InputError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.plan import Plan
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.ui.cli import app
from finesight.video.plan_file import read_plan
from finesight.video.tools import TOOLS

WHOLE = Box.of(0, 0, 1000, 1000)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def shot(index: int, diagnosed: bool = True, **findings: tuple[T, Severity]) -> ShotAnalysis:
    start = 2.0 * index
    said = Diagnosis(content="", level=None) if diagnosed else None
    return ShotAnalysis(
        shot=Shot(index=index, start=start, end=start + 2, first_frame=50 * index, frames=50),
        frames=(SampledFrame(frame=50 * index, time=start, diagnosis=said),),
        findings=tuple(
            VideoFinding(
                id=f"s{index}-{name}", type=t, severity=s, share=1, box=WHOLE, start=start, end=start + 2
            )
            for name, (t, s) in findings.items()
        ),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    tags = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv", assumed=("primaries",))
    given: dict[str, Any] = {"path": "in.mp4", "bytes": 1, "container": "mp4", "codec": "h264", "width": 640}
    given |= {
        "height": 360,
        "pixel_format": "yuv420p",
        "bit_depth": 8,
        "duration": 8,
        "rate": 25,
        "colour": tags,
    }
    shots = (
        shot(0, grain=(T.NOISE, Severity.SEVERE), soft=(T.LOW_CLARITY, Severity.MODERATE)),
        shot(1, blur=(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE)),
        shot(2),
        shot(3, diagnosed=False),
    )
    seen = Timeline(video=Video(**given), shots=shots)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "timeline.json").write_text(seen.model_dump_json())
    return folder


def ran(*words: object) -> Result:
    result = CliRunner().invoke(app, ["video", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_a_plan_is_printed_shot_by_shot_and_written(run):
    said = ran("plan", run).stdout
    assert (
        "denoise: hqdn3d luma=32 chroma=32 luma_time=16 chroma_time=16  [severe, rule denoise, for s0-grain]"
        in said
    )
    assert "-vf hqdn3d=32:32:16:16" in said
    assert "shot 2  4.00 - 6.00 s  left as it is" in said
    assert "shot 3  6.00 - 8.00 s  not diagnosed" in said
    assert (
        said.splitlines()[-1]
        == "1 of 4 shots are treated, 1 findings are not answered, 1 shots were not diagnosed"
    )
    assert "fired" not in said
    assert [call.tool for call in read_plan(run).shots[0].calls] == ["hqdn3d"]


def test_explained_it_says_which_rules_fired_and_which_lost_and_why(run):
    said = " ".join(ran("plan", run, "--explain").stdout.split())
    assert "fired denoise (hqdn3d, severe): s0-grain Noise severe 100%: noise changes" in said
    assert (
        "lost sharpen: s0-soft Low clarity moderate 100%: what is left of severe noise would be sharpened"
        in said
    )
    assert "fired hopeless-blur (leave it): s1-blur Out of focus blur severe 100%:" in said
    assert "lost sharpen: s1-blur Out of focus blur severe 100%: conflicts with hopeless-blur" in said


def test_for_machines_it_is_the_plan_that_was_written(run):
    printed = ran("plan", run, "--json").stdout
    assert Plan.model_validate_json(printed) == Plan.model_validate_json((run / "plan.json").read_bytes())
    assert len(printed.splitlines()) == 1


def test_rules_of_ones_own_change_the_plan(run, tmp_path):
    rules = tmp_path / "my.toml"
    rules.write_text('off = ["denoise"]\n')
    assert "hqdn3d" not in ran("plan", run, "--rules", rules).stdout
    explained = ran("plan", run, "--rules", rules, "--explain").stdout
    assert "no rule asks for s0-grain Noise severe 100%" in explained


def test_another_ffmpeg_may_be_tried_from_a_script(run, tmp_path):
    script = tmp_path / "old.json"
    script.write_text(json.dumps({"hqdn3d": "No such filter: 'hqdn3d'", "": 5}))
    said = ran("plan", run, "--ffmpeg", f"scripted:{script}", "--explain").stdout
    assert "this ffmpeg does not run hqdn3d: 0 of 5 frames came out: No such filter: 'hqdn3d'" in said
    assert "0 of 4 shots are treated" in said
    tools = ran("tools", "--ffmpeg", f"scripted:{script}").stdout
    assert "no  hqdn3d" in tools
    assert "ok  cas" in tools


def test_a_folder_that_was_not_analysed_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match="finesight video analyse"):
        ran("plan", tmp_path)


def test_a_plan_that_cannot_be_read_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match="finesight video plan"):
        read_plan(tmp_path)


def test_wrong_rules_leave_a_plan_that_is_there_as_it_is(run, tmp_path):
    ran("plan", run)
    before = (run / "plan.json").read_bytes()
    rules = tmp_path / "my.toml"
    rules.write_text('off = ["denois"]\n')
    with pytest.raises(ConfigError, match=r"my\.toml:1: off: no rule 'denois'"):
        ran("plan", run, "--rules", rules)
    assert (run / "plan.json").read_bytes() == before


def test_tools_are_listed_with_what_they_treat_and_whether_they_run():
    listed = json.loads(ran("tools", "--json").stdout)
    assert [tool["name"] for tool in listed["tools"]] == list(TOOLS)
    assert {tool["why_not"] for tool in listed["tools"]} == {""}
    assert listed["tools"][1]["treats"] == ["Blocking artifacts"]
    said = ran("tools").stdout
    assert "ok  hqdn3d  denoise  smooths over space and time what changes little" in said
    assert "treats Noise; harms Low clarity, Motion blur; 235 fps; looks 5 frames around" in said
