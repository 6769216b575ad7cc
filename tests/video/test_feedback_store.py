"""Attempts of really judged runs in a store that a person can query."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from finesight.errors import InputError
from finesight.schema.feedback import Attempt
from finesight.schema.plan import Decision, Plan, Rung, ShotPlan
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.video.accept import Judging, accept
from finesight.video.analyse import analyse
from finesight.video.exploring import choose
from finesight.video.feedback_store import STORE, add, export, read, read_all, remember
from finesight.video.folder import read_timeline
from finesight.video.limits import load_limits
from finesight.video.plan_file import PLAN
from finesight.video.process import Process
from finesight.video.settings import AnalysisSettings, ProcessSettings
from finesight.video.tools import TOOLS
from finesight.video.work import begin


@pytest.fixture
def judged(tmp_path, write_video, shot, by_brightness, call, ffmpeg) -> Path:
    """A judged run: too strong and then accepted; no benefit; left as it is; light, with nothing called."""
    means = (65, 65, 65, 120)
    pictures = []
    for seed, mean in enumerate(means, 1):
        frames = [picture.astype(np.float32) for picture in shot(seed, 12)]
        pictures += [np.clip(p * (mean / frames[0].mean()), 0, 255).astype(np.uint8) for p in frames]
    source = write_video(tmp_path / "film.mp4", pictures, tags=(1, 1, 1, 1))
    run = tmp_path / "run"
    analyse(
        source,
        run,
        by_brightness,
        AnalysisSettings(short_frames=2, extremes=False, again=0, min_shot=0.3),
        "by-brightness",
    )
    gentle = Rung(strength=Severity.MINOR, parameters=TOOLS["brighten"].filled({"gamma": 2}))
    strong, weak, left = (
        call("brighten", gamma=gamma).model_copy(
            update={"lowers": (T.UNDEREXPOSURE,), "weaker": (gentle,) if gamma == 4 else ()}
        )
        for gamma in (4, 1.05, 2)
    )
    timeline = read_timeline(run)
    shots = tuple(
        ShotPlan(shot=one.shot.index, start=one.shot.start, end=one.shot.end, calls=calls)
        for one, calls in zip(timeline.shots, [(strong,), (weak,), (left,), ()], strict=True)
    )
    plan = choose(
        Plan(video=str(source), rules="r", ffmpeg="", whole=Decision(), shots=shots), shadow={1: "leave"}
    )
    third = choose(plan, preferred={2: "leave"}).shots[2]
    plan = plan.model_copy(update={"shots": (*plan.shots[:2], third, plan.shots[3])})
    (run / PLAN).write_text(plan.model_dump_json())
    work = begin(run, TOOLS, ffmpeg, ProcessSettings(crf=4, preset="ultrafast", shortest=0))
    with Process(work) as process:
        process.join(process.make(plan))
    done = accept(work, plan, Judging(load_limits(), by_brightness, cache=tmp_path / "cache"))
    assert remember(run, plan, done, ffmpeg.version) == 4
    assert remember(run, plan, done, ffmpeg.version) == 0
    return run


def test_every_attempt_is_there_with_what_was_known_done_and_found(judged):
    left, one, other, again = read(judged / STORE)
    assert [a.outcome for a in (one, other, left, again)] == ["weaken", "no benefit", "left", "accepted"]
    assert [(a.shot, a.round) for a in (one, other, left, again)] == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert one.reward == pytest.approx(1 - 0.1)
    assert (other.reward, left.reward, again.reward) == (-0.1, 0, None)
    assert (one.arm, one.arms, one.propensity) == ("planned", ("planned", "weaker", "leave"), 1)
    assert (left.arm, left.tools, other.shadow) == ("leave", (), "leave")
    assert (again.arm, again.policy, again.propensity) == ("weakened", "acceptance", None)
    assert (other.key_before, other.key_after) == ("Underexposure severe", "Underexposure severe")
    assert (again.key_before, again.key_after) == ("Underexposure severe", "none")
    assert other.failed == ("KEY",)
    assert [(r.type, r.after) for r in one.worse] == [(T.OVEREXPOSURE, Severity.MODERATE)]
    assert one.features["severity Underexposure"] == 3
    assert one.features["share Underexposure"] == 1
    assert one.features["severity Noise"] == 0
    assert one.features["height"] == 64
    assert one.features["signal luma_mean"] == pytest.approx(65 / 255, abs=0.05)
    assert one.calls[0].parameters["gamma"] == 4
    assert one.evidence is not None
    assert set(one.evidence.fidelity) == {"neg", "v1"}
    assert (one.versions["model"], one.versions["rules"]) == ("by-brightness", "r")


def test_a_person_can_ask_it_in_sql(judged):
    base = sqlite3.connect(judged / STORE)
    asked = """
        SELECT tools, outcome, key_before, json_extract(features, '$."severity Underexposure"') AS worst,
               json_extract(evidence, '$.fidelity.neg.harmonic') AS neg
        FROM attempts WHERE round = 0 AND reward < 0
    """
    ((tools, outcome, key, worst, neg),) = base.execute(asked).fetchall()
    base.close()
    assert (tools, outcome, key, worst) == ("brighten", "no benefit", "Underexposure severe", 3)
    assert 50 < neg <= 100


def test_what_is_exported_is_read_as_it_was_and_counts_once(judged, tmp_path):
    attempts = read(judged / STORE)
    export(attempts, tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4
    assert read(tmp_path / "out.jsonl") == attempts
    assert read_all([judged / STORE, tmp_path / "out.jsonl"]) == attempts
    assert add(tmp_path / "other.sqlite", attempts) == 4
    assert read(tmp_path / "other.sqlite") == attempts


def attempt(id_: str) -> Attempt:
    told = {"id": id_, "at": "", "video": "v", "mark": "m", "shot": 0, "start": 0, "seconds": 1, "round": 0}
    return Attempt(**told, policy="rules", arm="planned", outcome="accepted", features={})


def test_of_several_attempts_all_are_added_or_none(tmp_path):
    store = tmp_path / "s.sqlite"
    add(store, [attempt("a")])

    def broken():
        yield attempt("b")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        add(store, broken())
    assert [one.id for one in read(store)] == ["a"]


@pytest.mark.parametrize("content", [b"not a store", b"{}\n", b"SQLite format 3\x00 broken"])
def test_a_file_that_is_no_store_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="x: "):
        read(tmp_path / "x")


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read(tmp_path / "none.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_file_of_something_else_is_not_written_to(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("dear " * 400)
    with pytest.raises(InputError, match="cannot be used as a feedback store"):
        add(letter, [attempt("a")])
    assert letter.read_text() == "dear " * 400


def test_features_and_findings_keep_their_names_in_json(judged):
    base = sqlite3.connect(judged / STORE)
    ((told,),) = base.execute("SELECT features FROM attempts LIMIT 1").fetchall()
    base.close()
    assert {f"severity {type_}" for type_ in T} <= set(json.loads(told))
