"""Sound that is late is heard: waveforms of known shifts, and real files that say one thing and play another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finesight.data.pyav import load_av
from finesight.schema.verdict import Verdict
from finesight.video.acceptance import judge
from finesight.video.evidence import evidence, measure_pair
from finesight.video.ffmpeg import load_runner
from finesight.video.limits import load_limits
from finesight.video.sound import RATE, lateness, shift

RUNNER = load_runner()
PICTURE = "testsrc2=size=64x64:rate=25:duration=2"
SPEECH = (
    "anoisesrc=color=pink:seed=7:sample_rate=44100:duration=2,volume='0.2+0.8*mod(floor(t*7),2)':eval=frame"
)


def noise(seed: int = 0, seconds: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def made(path: Path, sound: str, *more: str) -> Path:
    inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", sound]
    ran = RUNNER.run([*inputs, "-c:v", "libx264", "-preset", "ultrafast", *more, "-y", str(path)])
    assert ran.code == 0, ran.said
    return path


def first_frame(path: Path) -> float:
    with load_av().open(str(path)) as file:
        return float(next(file.decode(video=0)).time)


def heard(source: Path, processed: Path) -> float | None:
    return lateness(source, processed, 0, (first_frame(source), first_frame(processed)))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("sound") / "source.mp4", SPEECH, "-c:a", "aac")


@pytest.mark.parametrize("by", [-900, -41, -1, 0, 1, 40, 1000])
def test_a_shift_is_told_to_the_sample(by):
    one = noise()
    other = np.roll(np.pad(one, 1000), by)
    assert shift(np.pad(one, 1000), other) == by / RATE


def test_noise_and_loudness_do_not_hide_a_shift():
    one = noise()
    other = 0.3 * np.roll(one, 60) + noise(1) * 0.05 + 0.02
    assert shift(one, other) == 60 / RATE


@pytest.mark.parametrize(
    "pair", [(noise(0), noise(1)), (noise(), 0 * noise()), (noise()[:0], noise()), (0 * noise(), 0 * noise())]
)
def test_silence_and_other_sounds_are_not_judged(pair):
    assert shift(*pair) is None


def test_of_a_steady_tone_the_smallest_shift_counts():
    tone = np.sin(np.arange(4 * RATE) * 2 * np.pi * 100 / RATE).astype(np.float32)
    assert shift(tone, tone) == 0


@pytest.mark.parametrize("late", [0.0, 0.05, 0.2])
def test_sound_coded_again_is_heard_where_it_is(source, tmp_path, late):
    delay = f"adelay={1000 * late:g}:all=1"
    again = tmp_path / "again.mkv"
    coded = ["-map", "0:v", "-map", "0:a", "-c:v", "copy", "-af", delay, "-c:a", "libmp3lame"]
    assert RUNNER.run(["-i", str(source), *coded, str(again)]).code == 0
    assert heard(source, again) == pytest.approx(late, abs=0.003)


def test_sound_that_is_early_by_its_time_stamps_is_heard(source, tmp_path):
    moved = tmp_path / "moved.mp4"
    late = ["-itsoffset", "0.12", "-i", str(source), "-map", "1:v", "-map", "0:a", "-c", "copy", str(moved)]
    assert RUNNER.run(["-i", str(source), *late]).code == 0
    assert heard(source, moved) == pytest.approx(-0.12, abs=0.003)


def verdict(source: Path, processed: Path) -> Verdict:
    return judge(evidence(measure_pair(source, processed, RUNNER)), load_limits())


def passes(given: Verdict) -> bool:
    (check,) = (check for check in given.checks if check.name == "sound offset")
    return check.passed


def test_a_delay_that_no_packet_tells_of_fails_the_check(source, tmp_path):
    again = ["-c:v", "copy", "-c:a", "aac"]
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    for path, delay in ((good, 0), (bad, 40)):
        ran = RUNNER.run(["-i", str(source), "-af", f"adelay={delay}:all=1", *again, str(path)])
        assert ran.code == 0, ran.said
    assert [passes(verdict(source, path)) for path in (good, bad)] == [True, False]


def test_where_nothing_can_be_heard_the_packets_decide(tmp_path):
    silent = made(tmp_path / "silent.mp4", "anullsrc=sample_rate=44100:duration=2", "-c:a", "aac")
    moved = tmp_path / "moved.mp4"
    late = ["-itsoffset", "0.1", "-i", str(silent), "-map", "0:v", "-map", "1:a", "-c", "copy", str(moved)]
    assert RUNNER.run(["-i", str(silent), *late]).code == 0
    assert heard(silent, moved) is None
    assert [passes(verdict(silent, path)) for path in (silent, moved)] == [True, False]
