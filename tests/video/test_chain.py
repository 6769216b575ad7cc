"""The whole chain on a real clip, killed again and again at any stage."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from finesight.video.accept import ACCEPTANCE, Judging
from finesight.video.chain import Job, carry_out, prepare
from finesight.video.goals import Goal
from finesight.video.limits import load_limits
from finesight.video.rule_files import load_rules
from finesight.video.settings import AnalysisSettings, ChainSettings, ProcessSettings

SETTINGS = ChainSettings(
    analysis=AnalysisSettings(short_frames=2, extremes=False, again=0, min_shot=0.3),
    process=ProcessSettings(crf=8, preset="ultrafast", shortest=0, threads=1),
)


@pytest.fixture
def clip(tmp_path, write_video, shot) -> Path:
    """Two dark shots around a light one."""

    def lit(seed: int, mean: float) -> list[np.ndarray]:
        pictures = [picture.astype(np.float32) for picture in shot(seed, 12)]
        return [np.clip(p * (mean / pictures[0].mean()), 0, 255).astype(np.uint8) for p in pictures]

    pictures = [*lit(1, 55), *lit(2, 120), *lit(3, 60)]
    return write_video(tmp_path / "film.mp4", pictures, tags=(1, 1, 1, 1), audio=1)


def job(source: Path, out: Path, diagnose, runner, goal: Goal = Goal.CLEAN) -> Job:
    how = Judging(load_limits(), diagnose, cache=out.parent / "cache")
    run = out.with_name(f"{out.name}.run")
    return Job(source, out, run, load_rules(None), runner, goal, "by-brightness", how, SETTINGS)


def done(one: Job):
    return carry_out(one, prepare(one))


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from conftest import ByBrightness
from test_chain import done, job
from finesight.video.ffmpeg import load_runner
class Slow(ByBrightness):
    def __call__(self, pictures):
        time.sleep(0.1)
        return super().__call__(pictures)
source, out = map(Path, sys.argv[1:])
done(job(source, out, Slow(), load_runner()))
"""


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def killed_at(marker: Path, words: list[str]) -> bool:
    """Start it, kill it once a file is there; whether it was still running then."""
    child = subprocess.Popen(words, env=os.environ, start_new_session=True)
    while child.poll() is None and not marker.exists():
        time.sleep(0.002)
    alive = child.poll() is None
    if alive:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return alive


def test_killed_at_every_stage_it_goes_on_and_the_output_is_that_of_an_undisturbed_run(
    tmp_path, clip, by_brightness, ffmpeg
):
    out = tmp_path / "killed" / "out.mp4"
    run = out.with_name("out.mp4.run")
    words = [sys.executable, "-c", KILLED.format(tests=str(Path(__file__).parent)), str(clip), str(out)]
    stages = ("frames.jsonl", "plan.json", "processed/chunks.jsonl", "processed.json", "looked.jsonl")
    alive = [killed_at(run / stage, words) for stage in stages]
    assert sum(alive) >= 3
    went_on = done(job(clip, out, by_brightness, ffmpeg))
    other = tmp_path / "undisturbed" / "out.mp4"
    undisturbed = done(job(clip, other, by_brightness, ffmpeg))
    assert went_on.acceptance is not None
    assert undisturbed.acceptance is not None
    assert went_on.acceptance.outcome == "accepted"
    assert went_on.acceptance.shots == undisturbed.acceptance.shots
    assert file_digest(out) == file_digest(other)
    assert (run / ACCEPTANCE).exists()
    assert not list(out.parent.glob("*.tmp"))


def test_with_another_setting_of_the_encoder_it_is_made_and_judged_anew(
    tmp_path, clip, by_brightness, ffmpeg
):
    first = job(clip, tmp_path / "out.mp4", by_brightness, ffmpeg)
    done(first)
    before = file_digest(first.out)
    finer = SETTINGS.model_copy(update={"process": SETTINGS.process.model_copy(update={"crf": 4})})
    done(first._replace(settings=finer))
    assert file_digest(first.out) != before
    done(first)
    assert file_digest(first.out) == before


@pytest.mark.slow
def test_killed_at_twenty_random_moments_the_output_is_that_of_an_undisturbed_run(
    tmp_path, clip, by_brightness, ffmpeg
):
    """A run that ends before it is to be killed has to be whole; the next kills meet a new one."""
    undisturbed = tmp_path / "undisturbed.mp4"
    started = time.monotonic()
    done(job(clip, undisturbed, by_brightness, ffmpeg))
    lasts = time.monotonic() - started
    rng, wanted = random.Random(0), file_digest(undisturbed)
    kills = ended = 0
    while kills < 20:
        out = tmp_path / f"{ended}" / "out.mp4"
        words = [sys.executable, "-c", KILLED.format(tests=str(Path(__file__).parent)), str(clip), str(out)]
        child = subprocess.Popen(words, env=os.environ, start_new_session=True)
        try:
            assert child.wait(rng.uniform(0.5, 1.5 + lasts)) == 0
            assert file_digest(out) == wanted
            ended += 1
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            kills += 1
            assert not out.exists() or file_digest(out) == wanted
    last = tmp_path / f"{ended}" / "out.mp4"
    done(job(clip, last, by_brightness, ffmpeg))
    assert file_digest(last) == wanted
    print(f"{kills} kills, {ended + 1} runs")
