"""`finesight video compare` on small real files, alone and with the runs of analyses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from finesight.errors import ConfigError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.plan import Decision, Plan, Rung, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.verdict import Evidence, Verdict
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.ui.cli import app
from finesight.video.ffmpeg import load_runner

RUNNER = load_runner()
CLIP = "testsrc2=size=160x96:rate=25,trim=end_frame=20"
WHOLE = Box.of(0, 0, 1000, 1000)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def made(path: Path, graph: str = "null", *more: str) -> Path:
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p", *more]
    done = RUNNER.run(["-f", "lavfi", "-i", CLIP, "-vf", graph, *coded, "-y", str(path)])
    assert done.code == 0, done.said
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "source.mp4")


def ran(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["video", "compare", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def row(said: str, check: str) -> str:
    return next(" ".join(line.split()) for line in said.splitlines() if f" {check} " in line)


def analysed(folder: Path, *severities: Severity | None) -> Path:
    """A run of two shots of ten frames with noise of these severities."""
    tags = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")
    video = Video(
        path="source.mp4",
        bytes=1,
        container="mp4",
        codec="h264",
        width=160,
        height=96,
        pixel_format="yuv420p",
        bit_depth=8,
        duration=0.8,
        rate=25,
        colour=tags,
    )
    shots = []
    for index, severity in enumerate(severities):
        start = 0.4 * index
        noise = {"type": T.NOISE, "severity": severity, "box": WHOLE, "key": True}
        said = Diagnosis(content="", level=None, findings=[noise] if severity else [])
        known = {"id": f"s{index}-noise", "share": 1, "start": start, "end": start + 0.4}
        shots.append(
            ShotAnalysis(
                shot=Shot(index=index, start=start, end=start + 0.4, first_frame=10 * index, frames=10),
                frames=(SampledFrame(frame=10 * index + 5, time=start + 0.2, diagnosis=said),),
                findings=(VideoFinding(**(noise | known)),) if severity else (),
            )
        )
    folder.mkdir()
    (folder / "timeline.json").write_text(Timeline(video=video, shots=tuple(shots)).model_dump_json())
    return folder


def planned(folder: Path) -> None:
    """Denoising of the second shot only."""
    call = ToolCall(
        tool="hqdn3d",
        step=Step.DENOISE,
        parameters={},
        strength=Severity.SEVERE,
        rule="denoise",
        why="noise",
        lowers=(T.NOISE,),
        weaker=(Rung(strength=Severity.MINOR, parameters={}),),
    )
    shots = tuple(ShotPlan(shot=i, start=0, end=1, calls=(call,) * i) for i in (0, 1))
    made_plan = Plan(video="source.mp4", rules="", ffmpeg="", whole=Decision(), shots=shots)
    (folder / "plan.json").write_text(made_plan.model_dump_json())


def test_a_file_against_itself_is_accepted(source):
    said = ran(source, source).stdout
    assert "FAIL" not in said
    assert row(said, "VMAF v1 mean").startswith("fidelity VMAF v1 mean 100 at least 90.0 pass")
    assert said.splitlines()[-1] == "accepted: of 1 shots 1 accepted"


def test_what_fails_is_told_with_value_limit_and_reason_and_the_exit_code_is_3(source, tmp_path):
    said = ran(source, made(tmp_path / "wide.mp4", "unsharp=la=1.5,setsar=4/3"), code=3).stdout
    assert row(said, "pixel shape") == "structure pixel shape 1.333 1 FAIL another one stretches the picture"
    assert "only coding may have changed it" in row(said, "VMAF neg mean")
    assert said.splitlines()[-1] == "rejected: of 1 shots 1 rolled back"


def test_for_machines_evidence_and_verdict_are_one_line(source, tmp_path):
    printed = ran(source, made(tmp_path / "grey.mp4", "hue=s=0"), "--json", code=3).stdout
    found = json.loads(printed)
    assert len(printed.splitlines()) == 1
    assert Evidence.model_validate(found["evidence"]).shots[0].change.colour > 10
    assert Verdict.model_validate(found["verdict"]).outcome == "rejected"


def test_the_shots_and_the_plan_of_a_run_decide_which_limits_hold(source, tmp_path):
    run = analysed(tmp_path / "run", None, Severity.SEVERE)
    softer = made(tmp_path / "softer.mp4", "gblur=sigma=0.45:enable='gte(n,10)'")
    said = ran(source, softer, "--run", run, code=3).stdout
    assert "1 accepted, 1 rolled back" in said
    planned(run)
    said = ran(source, softer, "--run", run).stdout
    assert said.splitlines()[-1] == "accepted: of 2 shots 2 accepted"
    assert "nothing was called for it" in next(x for x in said.splitlines() if x.startswith("shot 0"))


@pytest.mark.parametrize(
    ("after", "outcome", "code"),
    [
        (Severity.MINOR, "accepted", 0),
        (None, "accepted", 0),
        (Severity.SEVERE, "no benefit", 3),
    ],
)
def test_findings_before_and_after_decide_whether_it_was_of_use(source, tmp_path, after, outcome, code):
    run = analysed(tmp_path / "run", None, Severity.SEVERE)
    planned(run)
    again = analysed(tmp_path / "again", None, after)
    said = ran(source, made(tmp_path / "same.mp4"), "--run", run, "--after", again, code=code).stdout
    assert f"Noise severe -> {after or 'none'}" in row(said, "KEY")
    assert outcome in next(line for line in said.splitlines() if line.startswith("shot 1"))


def test_limits_of_ones_own_are_put_on_top(source, tmp_path):
    softer = made(tmp_path / "softer.mp4", "gblur=sigma=0.8")
    mine = tmp_path / "mine.toml"
    mine.write_text(
        "[untouched]\nneg = 20\nv1 = 20\ncolour = 9\nbrightness = 9\ndetail = [0.1, 9]\n"
        'why = "a proof of concept"\nsource = "a guess"\n'
    )
    ran(source, softer, code=3)
    assert "at least 20.0" in row(ran(source, softer, "--limits", mine).stdout, "VMAF neg mean")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[untouched]\nneg = 101\n", r"untouched\.neg: .*less than or equal to 100.*docs/acceptance\.md"),
        ("[tool.cas]\nneg = 1\nv1 = 1\n", r"tool\.cas\.why: Field required"),
        ('[tool.cas]\nneg = 1\nv1 = 1\nwhy = "a"\nsource = "b"\nclour = 1\n', r"tool\.cas\.clour"),
        (
            '[tool.cas]\nneg = 1\nv1 = 1\nwhy = "a"\nsource = "b"\ndetail = [1.1, 2.0]\n',
            r"detail is \[1\.1, 2\]; give",
        ),
        ("neg", r"mine\.toml: cannot be read"),
    ],
)
def test_wrong_limits_are_refused_with_their_place_before_anything_is_measured(source, tmp_path, text, says):
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    with pytest.raises(ConfigError, match=says):
        ran(source, tmp_path / "none.mp4", "--limits", mine)


def test_findings_after_need_findings_before(source, tmp_path):
    with pytest.raises(ConfigError, match="--after needs --run"):
        ran(source, source, "--after", tmp_path)
