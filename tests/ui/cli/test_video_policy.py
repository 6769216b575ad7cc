"""`finesight video learn-policy`, and a policy that watches, is enacted, or is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.schema.box import Box
from finesight.schema.feedback import Attempt
from finesight.schema.policy import Policy
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.ui.cli import app
from finesight.video.exploring import ARMS, LEAVE, PLANNED
from finesight.video.feedback_store import add
from finesight.video.plan_file import read_plan


def ran(*words: object) -> Result:
    result = CliRunner().invoke(app, ["video", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def store(path: Path, leave: float, count: int = 200) -> Path:
    """Tries in 20 videos; to do as planned is worth 0.1, to leave it `leave`, all else nothing."""
    rng = np.random.default_rng(3)
    attempts = []
    for number in range(count):
        arm = ARMS[number % 4] if number % 2 else PLANNED
        reward = {PLANNED: 0.1, LEAVE: leave}.get(arm, 0.0) + rng.normal(0, 0.02)
        attempts.append(
            Attempt(
                id=str(number),
                at="",
                video="v",
                mark=str(number % 20),
                shot=0,
                start=0,
                seconds=1,
                round=0,
                policy="rules",
                arm=arm,
                arms=ARMS,
                propensity=0.625 if arm == PLANNED else 0.125,
                outcome="accepted",
                reward=reward,
                features={"severity Noise": float(rng.integers(4)), "signal noise": float(rng.normal())},
            )
        )
    add(path, attempts)
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An analysed run with one noisy shot."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    video = Video(
        path="film.mp4",
        bytes=1,
        container="mp4",
        codec="h264",
        width=96,
        height=64,
        pixel_format="yuv420p",
        bit_depth=8,
        duration=1,
        rate=25,
        colour=Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv"),
    )
    finding = VideoFinding(
        id="s0-noise",
        type=DistortionType.NOISE,
        severity=Severity.SEVERE,
        share=1,
        box=Box.of(0, 0, 1000, 1000),
        key=True,
        start=0,
        end=1,
    )
    shot = ShotAnalysis(
        shot=Shot(index=0, start=0, end=1, first_frame=0, frames=25),
        frames=(SampledFrame(frame=5, time=0.2),),
        findings=(finding,),
        signals={"noise": 9},
    )
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "timeline.json").write_text(Timeline(video=video, shots=(shot,)).model_dump_json())
    return folder


def test_what_is_learnt_is_valued_beside_the_rules_and_written(tmp_path):
    out = tmp_path / "policy.json"
    said = ran("learn-policy", store(tmp_path / "s.sqlite", 0.5), "--out", out).stdout
    rows = [line.split() for line in said.splitlines()]
    assert ["planned", "100"] in [row[:2] for row in rows]
    assert next(row for row in rows if row[:1] == ["rules"])[3].startswith("0.1")
    assert next(row for row in rows if row[:1] == ["learnt"])[3].startswith(("0.4", "0.5"))
    assert said.splitlines()[-1].startswith("shown to be better than the rules: +0.")
    policy = Policy.model_validate_json(out.read_text())
    assert (policy.better, policy.tries, policy.drawn) == (True, 200, 200)


def test_for_machines_it_is_what_is_written_and_no_gain_is_said_to_be_none(tmp_path):
    out = tmp_path / "policy.json"
    said = ran("learn-policy", store(tmp_path / "s.sqlite", -0.1), "--out", out, "--json").stdout
    assert Policy.model_validate_json(said) == Policy.model_validate_json(out.read_text())
    assert not Policy.model_validate_json(said).better


def test_without_tries_that_were_drawn_it_says_how_to_get_some(tmp_path):
    few = store(tmp_path / "s.sqlite", 0.5, 10)
    with pytest.raises(InputError, match="--explore"):
        ran("learn-policy", few, "--out", tmp_path / "policy.json")
    assert not (tmp_path / "policy.json").exists()


def learnt(folder: Path, leave: float) -> Path:
    ran("learn-policy", store(folder / "s.sqlite", leave), "--out", folder / "policy.json")
    return folder / "policy.json"


def test_a_policy_watches_and_what_it_would_do_is_in_the_plan(run, tmp_path):
    policy = learnt(tmp_path, 0.5)
    ran("plan", run)
    before = read_plan(run)
    said = ran("plan", run, "--policy", policy).stdout
    (shot,) = read_plan(run).shots
    assert "the policy, which only watches, would take: leave" in said
    assert shot.calls == before.shots[0].calls != ()
    assert shot.choice is not None
    assert (shot.choice.arm, shot.choice.shadow, shot.choice.policy) == (PLANNED, LEAVE, "rules")


def test_enacted_it_chooses_and_explores_around_its_choice(run, tmp_path):
    policy = learnt(tmp_path, 0.5)
    told = json.loads(ran("plan", run, "--policy", policy, "--enact", "--explore", 0.2, "--json").stdout)
    (shot,) = told["shots"]
    choice = shot["choice"]
    assert (choice["policy"], choice["shadow"]) == ("learnt", None)
    assert choice["arm"] == LEAVE
    assert choice["propensity"] == pytest.approx(0.8 + 0.2 / len(choice["arms"]))
    assert shot["calls"] == []


def test_one_that_is_not_shown_to_be_better_is_not_enacted(run, tmp_path):
    policy = learnt(tmp_path, -0.1)
    with pytest.raises(ConfigError, match="not shown to be better"):
        ran("plan", run, "--policy", policy, "--enact")
    with pytest.raises(ConfigError, match="--policy"):
        ran("plan", run, "--enact")
    assert not (run / "plan.json").exists()
