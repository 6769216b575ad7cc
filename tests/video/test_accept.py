"""Real clips through analysis, processing and acceptance: every way in which a shot can end, and being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from finesight.errors import InputError
from finesight.schema.acceptance import Acceptance
from finesight.schema.plan import Decision, Plan, Rung, ShotPlan, Step, ToolCall
from finesight.schema.processed import Processed
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.verdict import Outcome
from finesight.video.accept import ACCEPTANCE, LOOKED, ROUNDS, Judging, accept, read_acceptance
from finesight.video.analyse import analyse
from finesight.video.ffmpeg import Runner
from finesight.video.folder import read_timeline
from finesight.video.limits import load_limits
from finesight.video.making import digest
from finesight.video.plan_file import PLAN, read_plan
from finesight.video.process import PROCESSED, Process, read_processed
from finesight.video.settings import AnalysisSettings, ProcessSettings
from finesight.video.tools import TOOLS
from finesight.video.work import Work, begin

FINE = ProcessSettings(crf=4, preset="ultrafast", shortest=0, threads=1)
ONE_FRAME = AnalysisSettings(short_frames=2, extremes=False, again=0, min_shot=0.3, batch=1)


def brighten(*gammas: float, tool: str = "brighten") -> ToolCall:
    """A call with its ladder, the strongest first."""
    severities = list(reversed(Severity))[: len(gammas)]
    first, *weaker = [
        Rung(strength=severity, parameters=TOOLS[tool].filled({"gamma": gamma}))
        for severity, gamma in zip(severities, gammas, strict=True)
    ]
    return ToolCall(
        tool=tool,
        step=Step.EXPOSURE,
        parameters=first.parameters,
        strength=first.strength,
        rule=tool,
        why="dark",
        lowers=(T.UNDEREXPOSURE,),
        weaker=tuple(weaker),
    )


GOOD, TOO_MUCH_FIRST, USELESS, TOO_MUCH = (
    (brighten(2),),
    (brighten(4, 2),),
    (brighten(1.05),),
    (brighten(4),),
)


def dark(shot: Callable[..., list[np.ndarray]], seed: int, frames: int = 12) -> list[np.ndarray]:
    """A shot with a mean of 65: dark for `by_brightness`, and too bright after a gamma of 4."""
    pictures = [picture.astype(np.float32) for picture in shot(seed, frames)]
    return [np.clip(p * (65 / pictures[0].mean()), 0, 255).astype(np.uint8) for p in pictures]


def light(shot: Callable[..., list[np.ndarray]], seed: int) -> list[np.ndarray]:
    pictures = shot(seed, 12)
    return [np.clip(p + (120 - pictures[0].mean()), 0, 255).astype(np.uint8) for p in pictures]


class Ready:
    """A run that is analysed, planned by hand and processed; `accept` judges it and counts what was asked."""

    def __init__(self, run: Path, source: Path, diagnose, runner: Runner, cache: Path) -> None:
        self.run, self.source, self.diagnose, self.runner, self.cache = run, source, diagnose, runner, cache
        self.settings = FINE
        self.made = self.process()

    @property
    def work(self) -> Work:
        return begin(self.run, TOOLS, self.runner, self.settings)

    def process(self) -> Processed:
        with Process(self.work) as process:
            return process.join(process.make(read_plan(self.run)))

    def accept(self, **how: object) -> Acceptance:
        judging = Judging(load_limits(), self.diagnose, cache=self.cache)._replace(**how)
        return accept(self.work, read_plan(self.run), judging)

    @property
    def output(self) -> Path:
        return self.run / self.made.output


def planned(run: Path, calls: Sequence[Sequence[ToolCall]], whole: Sequence[ToolCall] = ()) -> None:
    timeline = read_timeline(run)
    assert len(timeline.shots) == len(calls)
    shots = tuple(
        ShotPlan(shot=one.shot.index, start=one.shot.start, end=one.shot.end, calls=(*whole, *todo))
        for one, todo in zip(timeline.shots, calls, strict=True)
    )
    plan = Plan(
        video=timeline.video.path, rules="", ffmpeg="", whole=Decision(calls=tuple(whole)), shots=shots
    )
    (run / PLAN).write_text(plan.model_dump_json())


@pytest.fixture
def ready(tmp_path, write_video, shot, by_brightness, ffmpeg):
    """`ready([GOOD, ()], whole=())`: a dark shot for each that has calls, a light one for each that has none."""

    def made(*calls: Sequence[ToolCall], whole: Sequence[ToolCall] = ()) -> Ready:
        pictures = [
            one
            for seed, todo in enumerate(calls, 1)
            for one in (dark(shot, seed) if todo else light(shot, seed))
        ]
        source = write_video(tmp_path / "film.mp4", pictures, tags=(1, 1, 1, 1), audio=1)
        run = tmp_path / "run"
        analyse(source, run, by_brightness, ONE_FRAME)
        planned(run, calls, whole)
        return Ready(run, source, by_brightness, ffmpeg, tmp_path / "cache")

    return made


def means(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        frames = [float(frame.to_ndarray(format="rgb24").mean()) for frame in file.decode(video=0)]
    return [float(np.mean(frames[at : at + 12])) for at in range(0, len(frames), 12)]


def outcomes(done: Acceptance) -> list[str]:
    return [shot.outcome.value for shot in done.shots]


def test_a_shot_that_is_better_is_accepted_and_one_without_calls_stays(ready):
    film = ready(GOOD, ())
    done = film.accept()
    assert (done.outcome, outcomes(done)) == ("accepted", ["accepted", "accepted"])
    assert done.output == film.made.output
    assert [len(shot.calls) for shot in done.shots] == [1, 0]
    (key,) = (check for check in done.shots[0].decided.checks if check.name == "KEY")
    assert (key.value, key.limit, key.passed) == ("Underexposure severe -> none", "below severe", True)
    assert len(done.rounds) == 1


def test_what_goes_too_far_is_weakened_and_then_accepted(ready):
    film = ready(TOO_MUCH_FIRST, GOOD)
    strong = means(film.output)
    done = film.accept()
    assert (done.outcome, outcomes(done)) == ("accepted", ["accepted", "accepted"])
    assert [shot.attempts for shot in done.shots] == [2, 1]
    assert done.shots[0].calls[0].parameters["gamma"] == 2
    first = done.rounds[0].verdict.shots[0]
    assert first.outcome is Outcome.WEAKEN
    assert [(r.type, r.before, r.after) for r in first.regressions] == [
        (T.OVEREXPOSURE, None, Severity.MODERATE)
    ]
    weak = means(film.output)
    assert weak[0] < strong[0] - 20
    assert weak[1] == pytest.approx(strong[1], abs=0.5)


def test_only_shots_that_are_open_are_scored_and_looked_at_again(ready, by_brightness):
    film = ready(TOO_MUCH_FIRST, GOOD)
    before = len(by_brightness.asked)
    done = film.accept()
    assert len(by_brightness.asked) - before == 2 + 2 + 2
    assert [bool(shot.fidelity) for shot in done.rounds[1].evidence.shots] == [True, False]


def test_a_shot_that_goes_too_far_at_its_weakest_is_rolled_back_and_the_others_stay(ready):
    film = ready(TOO_MUCH, GOOD)
    dark_mean, _ = means(film.source)
    done = film.accept()
    assert (done.outcome, outcomes(done)) == ("partly", ["rolled back", "accepted"])
    assert [len(shot.calls) for shot in done.shots] == [0, 1]
    assert done.shots[0].kept is not None
    assert done.shots[0].kept.outcome is Outcome.ACCEPTED
    after = means(film.output)
    assert after[0] == pytest.approx(dark_mean, abs=1)
    assert after[1] > dark_mean + 30
    assert [len(shot.calls) for shot in read_processed(film.run).shots] == [0, 1]


def test_a_shot_that_is_no_better_keeps_the_source(ready):
    film = ready(USELESS, GOOD)
    done = film.accept()
    assert (done.outcome, outcomes(done)) == ("partly", ["no benefit", "accepted"])
    failed = [check.name for check in done.shots[0].decided.checks if not check.passed]
    assert failed == ["KEY"]
    assert means(film.output)[0] == pytest.approx(means(film.source)[0], abs=1)


def test_a_video_of_which_nothing_is_accepted_is_rejected_and_nothing_is_named_as_output(ready):
    film = ready(USELESS, TOO_MUCH)
    done = film.accept()
    assert (done.outcome, done.output) == ("rejected", None)
    assert outcomes(done) == ["no benefit", "rolled back"]
    assert len(done.rounds) == 1


def test_a_plan_that_calls_nothing_leaves_the_source_where_it_is(ready):
    done = ready((), ()).accept()
    assert (done.outcome, done.output) == ("accepted", None)


def late(film: Ready, of: str) -> None:
    """Show the frames that `of` selects by the one before them."""
    moved = film.output.with_name("moved.mp4")
    moved_by_one = "[0:v]split[a][b];[b]tpad=start=1:start_mode=clone[c]"
    graph = f"{moved_by_one};[a][c]overlay=enable='{of}':shortest=1,format=yuv420p"
    coded = [
        "-c:v",
        "libx264",
        "-crf",
        "2",
        "-preset",
        "ultrafast",
        "-c:a",
        "copy",
        "-fps_mode",
        "passthrough",
    ]
    tags = ["-color_primaries", "1", "-color_trc", "1", "-colorspace", "1", "-color_range", "tv"]
    ran = film.runner.run(["-i", str(film.output), "-filter_complex", graph, *coded, *tags, "-y", str(moved)])
    assert ran.code == 0, ran.said
    moved.replace(film.output)


def test_a_misaligned_shot_is_rolled_back_without_a_second_try_though_it_could_be_weakened(
    ready,
):
    film = ready((brighten(2, 1.8),), GOOD)
    late(film, "lt(n,12)")
    done = film.accept()
    assert (done.outcome, outcomes(done)) == ("partly", ["rolled back", "accepted"])
    (check,) = (c for c in done.shots[0].decided.checks if c.name == "alignment")
    assert (check.value, check.passed) == (1, False)
    assert done.shots[0].attempts == 1


def test_a_shot_for_which_nothing_was_called_and_that_is_another_film_rejects_all(ready):
    film = ready(GOOD, ())
    late(film, "gte(n,12)")
    done = film.accept()
    assert (done.outcome, done.output, outcomes(done)) == ("rejected", None, ["accepted", "rolled back"])


def test_a_file_that_lacks_a_frame_is_rejected_at_once(ready):
    film = ready(TOO_MUCH_FIRST, GOOD)
    cut = film.output.with_name("cut.mp4")
    assert film.runner.run(["-i", str(film.output), "-c", "copy", "-frames:v", "23", str(cut)]).code == 0
    cut.replace(film.output)
    done = film.accept()
    assert (done.outcome, len(done.rounds)) == ("rejected", 1)
    assert "frames" in [check.name for check in done.checks if not check.passed]


def test_what_is_done_to_the_whole_video_is_withdrawn_where_it_fails_in_a_shot(ready):
    bad = brighten(4)
    film = ready((), GOOD, whole=(bad.model_copy(update={"rule": "whole"}),))
    done = film.accept()
    assert outcomes(done) == ["rolled back", "accepted"]
    assert (done.shots[0].calls, done.shots[1].calls) == ((), GOOD)
    assert "whole video" in [check.name for check in done.shots[0].decided.checks if not check.passed]
    assert means(film.output)[0] == pytest.approx(means(film.source)[0], abs=1)


def test_asked_again_it_says_the_same_without_looking(ready, by_brightness):
    film = ready(TOO_MUCH_FIRST, USELESS)
    done = film.accept()
    asked = len(by_brightness.asked)
    assert film.accept() == done == read_acceptance(film.run)
    assert len(by_brightness.asked) == asked
    assert not (film.run / ROUNDS).exists()


def test_when_the_output_is_another_it_is_judged_again(ready):
    film = ready(GOOD, USELESS)
    done = film.accept()
    film.process()
    assert outcomes(film.accept()) == outcomes(done)
    film.process()
    late(film, "lt(n,12)")
    assert outcomes(film.accept())[0] == "rolled back"


def test_with_another_setting_of_the_encoder_the_output_is_made_and_judged_anew(ready):
    film = ready(GOOD, ())
    film.accept()
    before = film.output.stat().st_size
    film.settings = FINE.model_copy(update={"crf": 12})
    done = film.accept()
    assert read_processed(film.run).settings["crf"] == 12
    assert film.output.stat().st_size < before
    assert done.mark == digest(film.output)


def test_a_run_that_is_not_processed_is_refused_with_the_remedy(ready):
    film = ready(GOOD)
    (film.run / PROCESSED).unlink()
    with pytest.raises(InputError, match="finesight video process"):
        film.accept()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_accept import FINE, Ready
from conftest import ByBrightness
from finesight.video.ffmpeg import load_runner
class Slow(ByBrightness):
    def __call__(self, pictures):
        import time
        time.sleep({wait})
        return super().__call__(pictures)
run, cache = map(Path, sys.argv[1:])
film = object.__new__(Ready)
film.settings = FINE
film.run, film.diagnose, film.runner, film.cache = run, Slow(), load_runner(), cache
film.accept()
"""


@pytest.mark.parametrize(("file", "lines"), [(LOOKED, 1), (ROUNDS, 1), (LOOKED, 5)])
def test_killed_it_goes_on_and_the_verdict_is_that_of_an_undisturbed_run(ready, by_brightness, file, lines):
    film = ready(TOO_MUCH_FIRST, USELESS)
    film.diagnose = by_brightness
    program = KILLED.format(tests=str(Path(__file__).parent), wait=0.3)
    words = [sys.executable, "-c", program, str(film.run), str(film.cache)]
    child = subprocess.Popen(words, env=os.environ, start_new_session=True)
    watched = film.run / file
    while child.poll() is None and not (watched.is_file() and watched.read_bytes().count(b"\n") >= lines):
        time.sleep(0.01)
    assert child.poll() is None, "it was done before it could be killed"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (film.run / ACCEPTANCE).exists()
    seen = (film.run / LOOKED).read_bytes().count(b"\n")
    before = len(by_brightness.asked)
    went_on = film.accept()
    assert len(by_brightness.asked) - before == 6 - seen
    for name in (ACCEPTANCE, LOOKED):
        (film.run / name).unlink()
    film.process()
    undisturbed = film.accept()
    assert went_on == undisturbed
