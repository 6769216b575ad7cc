"""Evidence of real files, through the real decoder and the real VMAF, and what is judged of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.plan import Decision, Plan, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity
from finesight.schema.verdict import Verdict
from finesight.schema.video import SampledFrame, Shot, ShotAnalysis, Timeline
from finesight.video.acceptance import judge
from finesight.video.evidence import Measured, evidence, findings_at, measure_pair
from finesight.video.ffmpeg import Ffmpeg, ScriptedFfmpeg, load_runner
from finesight.video.lateness import offset_of
from finesight.video.limits import load_limits
from finesight.video.opening import VideoError
from finesight.video.pairs import compare
from finesight.video.probe import probe
from finesight.video.tracks import tracks
from finesight.video.vmaf import LONG, PACE, pooled, vmaf

SIZE = (320, 192)
FRAMES = 16
RUNNER = load_runner()
LIMITS = load_limits()
BT709, BT601 = (1, 1, 1, 1), (6, 6, 6, 1)


def film(seed: int = 1, frames: int = FRAMES) -> list[np.ndarray]:
    """Shaded shapes with texture that drift two pixels a frame."""
    width, height = SIZE
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width + 2 * frames, 3), np.uint8)
    picture[:] = np.linspace(40, 160, width + 2 * frames)[None, :, None]
    for _ in range(40):
        place = int(rng.integers(picture.shape[1])), int(rng.integers(height))
        color = [int(c) for c in rng.integers(30, 220, 3)]
        cv2.circle(picture, place, int(rng.integers(6, 30)), color, -1, cv2.LINE_AA)
    texture = cv2.GaussianBlur(rng.normal(0, 30, picture.shape[:2]).astype(np.float32), (0, 0), 1.5)
    picture = np.clip(picture + texture[..., None], 0, 255).astype(np.uint8)
    return [picture[:, 2 * i : 2 * i + width].copy() for i in range(frames)]


@pytest.fixture(scope="module")
def source(tmp_path_factory, write_video) -> Path:
    return write_video(tmp_path_factory.mktemp("film") / "source.mp4", film(), tags=BT709, audio=1)


def measured(source: Path, processed: Path, shots: tuple[Shot, ...] = ()) -> Measured:
    return measure_pair(source, processed, RUNNER, shots)


def verdict(source: Path, processed: Path) -> Verdict:
    return judge(evidence(measured(source, processed)), LIMITS)


def failed(given: Verdict) -> set[str]:
    checks = (*given.checks, *(check for shot in given.shots for check in shot.checks))
    return {check.name for check in checks if not check.passed}


def filtered(source: Path, to: Path, graph: str, *more: str) -> Path:
    """The source through a filter, coded so well that the filter is what differs."""
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "6", "-c:a", "copy", *more]
    ran = RUNNER.run(["-i", str(source), "-vf", graph, *coded, "-y", str(to)])
    assert ran.code == 0, ran.said
    return to


def test_a_file_is_accepted_against_itself_and_all_numbers_say_that_nothing_changed(source):
    found = measured(source, source)
    (change,) = found.changes
    assert (change.colour, change.brightness, change.detail, change.jitter) == (0, 0, 1, 0)
    assert change.frames == FRAMES
    assert min(found.scores["v1"].values()) > 99
    assert len(found.scores["neg"]) == FRAMES
    given = judge(evidence(found), LIMITS)
    assert (given.outcome, failed(given)) == ("accepted", set())


def test_good_coding_is_accepted(source, tmp_path):
    assert failed(verdict(source, filtered(source, tmp_path / "coded.mp4", "null"))) == set()


@pytest.mark.parametrize("late", [-2, -1, 1, 2])
def test_frames_that_are_late_or_early_are_found_and_counted(source, tmp_path, write_video, late):
    frames = film()
    moved = [frames[min(max(i - late, 0), FRAMES - 1)] for i in range(FRAMES)]
    given = verdict(source, write_video(tmp_path / "late.mp4", moved, tags=BT709, audio=1))
    (check,) = (check for check in given.shots[0].checks if check.name == "alignment")
    assert (check.value, check.passed, given.outcome) == (late, False, "rejected")


def test_a_late_shot_is_found_though_it_was_brightened(source, tmp_path, write_video):
    frames = [np.clip(frame * 1.5 + 10, 0, 255).astype(np.uint8) for frame in film()]
    late = write_video(tmp_path / "late.mp4", [frames[0], *frames[:-1]], tags=BT709, audio=1)
    assert offset_of(measured(source, late).changes[0].unlike) == 1


def test_in_a_shot_in_which_nothing_moves_no_offset_is_seen(tmp_path, write_video):
    rng = np.random.default_rng(0)
    still = film()[0]

    def noisy() -> list[np.ndarray]:
        return [np.clip(still + rng.normal(0, 6, still.shape), 0, 255).astype(np.uint8) for _ in range(8)]

    pair = [write_video(tmp_path / f"{name}.mp4", noisy()) for name in ("a", "b")]
    assert offset_of(compare(*pair).changes[0].unlike) == 0


@pytest.mark.parametrize("graph", ["unsharp=la=1.0", "eq=contrast=1.2"])
def test_what_plain_vmaf_gives_100_fails_the_floors(source, tmp_path, graph):
    processed = filtered(source, tmp_path / "enhanced.mp4", graph)
    log = tmp_path / "v0.csv"
    plain = f"[0:v][1:v]libvmaf=model=version=vmaf_v0.6.1:log_fmt=csv:log_path={log}"
    RUNNER.run(["-i", str(processed), "-i", str(source), "-lavfi", plain, "-f", "null", "-"])
    head, *rows = log.read_text().splitlines()
    at = head.split(",").index("vmaf")
    assert np.mean([float(row.split(",")[at]) for row in rows]) > 99
    given = verdict(source, processed)
    assert "VMAF neg mean" in failed(given)
    assert given.outcome == "rejected"


@pytest.mark.parametrize(
    ("graph", "name"),
    [
        ("eq=saturation=1.6", "colour"),
        ("hue=h=25", "colour"),
        ("eq=brightness=0.05", "brightness"),
        ("gblur=sigma=2", "detail"),
        ("eq=eval=frame:brightness='0.02*mod(n,2)'", "flicker"),
    ],
)
def test_each_kind_of_damage_fails_the_check_that_is_made_for_it(source, tmp_path, graph, name):
    assert name in failed(verdict(source, filtered(source, tmp_path / "damaged.mp4", graph)))


def test_sharpening_raises_detail_and_smoothing_lowers_it(source, tmp_path):
    sharper, softer = (
        measured(source, filtered(source, tmp_path / f"{i}.mp4", graph)).changes[0].detail
        for i, graph in enumerate(("unsharp=la=1.0", "gblur=sigma=2"))
    )
    assert softer < 0.8 < 1.1 < sharper


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({"tags": BT709}, "sound tracks"),
        ({"tags": BT709, "audio": 1, "sar": Fraction(4, 3)}, "pixel shape"),
        ({"tags": BT601, "audio": 1}, "colour tags"),
        ({"tags": BT709, "audio": 1, "rotation": 90}, "rotation"),
        ({"tags": BT709, "audio": 1, "chapters": 2}, "chapters"),
    ],
)
def test_a_file_that_is_built_otherwise_fails_by_name(source, tmp_path, write_video, how, name):
    given = verdict(source, write_video(tmp_path / "other.mp4", film(), **how))
    assert [check.name for check in given.checks if not check.passed] == [name]
    assert given.outcome == "rejected"


def test_fewer_frames_bits_and_pixels_fail_by_name(tmp_path, write_video):
    deep = write_video(tmp_path / "deep.mkv", film(frames=8), pix_fmt="yuv420p10le")
    less = filtered(deep, tmp_path / "less.mkv", "trim=end_frame=7,scale=160:96", "-pix_fmt", "yuv420p")
    assert {"frames", "shot frames", "size", "bit depth"} <= failed(verdict(deep, less))


def test_other_times_fail_though_the_frames_are_the_same(tmp_path, write_video):
    even = write_video(tmp_path / "even.mkv", film())
    uneven = [0.04 * i + (0.015 if i % 4 == 2 else 0) for i in range(FRAMES)]
    given = verdict(even, write_video(tmp_path / "uneven.mkv", film(), times=uneven))
    (check,) = (check for check in given.checks if check.name == "timing")
    assert (check.value, check.passed) == (pytest.approx(15, abs=1), False)


def test_sound_that_was_moved_is_measured(source, tmp_path):
    moved = tmp_path / "moved.mp4"
    late = ["-itsoffset", "0.1", "-i", str(source), "-map", "0:v", "-map", "1:a", "-c", "copy", str(moved)]
    assert RUNNER.run(["-i", str(source), *late]).code == 0
    (before,), (after,) = tracks(source), tracks(moved)
    assert after.end - before.end == pytest.approx(0.1, abs=0.005)
    assert "sound offset" in failed(verdict(source, moved))


def test_a_film_without_sound_has_no_tracks(tmp_path, write_video):
    assert tracks(write_video(tmp_path / "mute.mp4", film(frames=3))) == ()


def test_shots_are_measured_apart(tmp_path, write_video):
    one, other = film(1, 10), film(2, 10)
    shots = tuple(
        Shot(index=i, start=0.4 * i, end=0.4 + 0.4 * i, first_frame=10 * i, frames=10) for i in (0, 1)
    )
    source = write_video(tmp_path / "source.mp4", [*one, *other])
    darker = [(frame * 0.8).astype(np.uint8) for frame in other]
    found = measured(source, write_video(tmp_path / "processed.mp4", [*one, *darker]), shots)
    first, second = evidence(found).shots
    assert first.change.brightness < 1 < 10 < second.change.brightness
    assert first.fidelity["neg"].harmonic > second.fidelity["neg"].harmonic + 3
    given = judge(evidence(found), LIMITS)
    assert [shot.outcome.value for shot in given.shots] == ["accepted", "rolled back"]


def test_a_larger_picture_is_compared_at_the_size_of_the_source(source, tmp_path):
    larger = filtered(source, tmp_path / "larger.mp4", "scale=640:384:flags=spline")
    call = ToolCall(
        tool="enlarge",
        step=Step.UPSCALE,
        parameters={},
        strength=Severity.MODERATE,
        rule="large",
        why="small",
    )
    plan = Plan(
        video="",
        rules="",
        ffmpeg="",
        whole=Decision(calls=(call,)),
        shots=(ShotPlan(shot=0, start=0, end=1, calls=(call,)),),
    )
    found = measured(source, larger)
    assert failed(judge(evidence(found), LIMITS)) & {"size"}
    assert failed(judge(evidence(found, plan), LIMITS)) == set()


def test_what_was_measured_is_kept_until_a_file_changes(source, tmp_path):
    class Counting:
        version = RUNNER.version
        runs = 0

        def run(self, arguments, given=b"", seconds=None):
            self.runs += 1
            return RUNNER.run(arguments, given, seconds)

    runner, processed = Counting(), filtered(source, tmp_path / "processed.mp4", "null")
    cache = tmp_path / "cache"
    first = measure_pair(source, processed, runner, cache=cache)
    assert measure_pair(source, processed, runner, cache=cache) == first
    assert runner.runs == 1
    filtered(source, processed, "gblur=sigma=1")
    assert measure_pair(source, processed, runner, cache=cache) != first
    shots = (Shot(index=0, start=0, end=0.64, first_frame=0, frames=FRAMES),)
    measure_pair(source, processed, runner, shots, cache)
    assert runner.runs == 3
    for kept in (cache / "evidence").iterdir():
        kept.write_text("{")
    measure_pair(source, processed, runner, cache=cache)
    assert runner.runs == 4


def test_an_ffmpeg_without_vmaf_is_told_of_with_the_remedy(source):
    script = ScriptedFfmpeg({"libvmaf": "No such filter: 'libvmaf'"})
    with pytest.raises(InputError, match=r"No such filter: 'libvmaf'.*takes an ffmpeg with libvmaf"):
        measure_pair(source, source, script)


def test_a_file_that_is_no_video_is_refused(source, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4"):
        measure_pair(source, tmp_path / "text.mp4", RUNNER)


def test_a_name_that_looks_like_an_option_or_a_graph_is_a_name(source, tmp_path):
    assert isinstance(RUNNER, Ffmpeg)
    odd = tmp_path / "-i a,b;c[d]'e %d.mp4"
    odd.write_bytes(source.read_bytes())
    assert verdict(source, odd).outcome == "accepted"


def test_scores_of_a_shot_are_pooled_as_libvmaf_does():
    shot = Shot(index=0, start=0, end=1, first_frame=1, frames=20)
    scores = {0: 0.0, 21: 0.0, **{1 + i: 50.0 + i for i in range(20)}}
    found = pooled(scores, shot)
    own = np.arange(50, 70)
    assert found.harmonic == pytest.approx(1 / np.mean(1 / (own + 1)) - 1, abs=1e-3)
    assert (found.low, found.least) == (51, 50)
    assert pooled({}, shot).harmonic == 0
    each_fifth = {number: score for number, score in scores.items() if number % 5 == 1}
    assert (pooled(each_fifth, shot).low, pooled(each_fifth, shot).least) == (50, 50)


def test_of_a_long_shot_each_fifth_frame_is_scored_as_it_would_be_with_all_of_them(tmp_path, write_video):
    pictures = film(frames=LONG + 8)
    clip = write_video(tmp_path / "long.mp4", pictures)
    other = filtered(clip, tmp_path / "blurred.mp4", f"gblur=sigma=1.2:enable='gte(n,{LONG // 2})'")
    long, short = (
        Shot(index=i, start=a / 25, end=b / 25, first_frame=a, frames=b - a)
        for i, (a, b) in enumerate([(0, LONG), (LONG, LONG + 8)])
    )
    video = probe(clip)
    some = vmaf(clip, other, video, RUNNER, [long, short])
    halves = [long.model_copy(update={"first_frame": first, "frames": LONG // 2}) for first in (0, LONG // 2)]
    every = vmaf(clip, other, video, RUNNER, halves)
    for model, scores in some.items():
        assert sorted(scores) == [*range(0, LONG, PACE), *range(LONG, LONG + 8)]
        assert len(every[model]) == LONG
        own = {number: score for number, score in scores.items() if number < LONG}
        assert own == pytest.approx({number: every[model][number] for number in own})


def test_one_frame_of_another_picture_is_found_though_vmaf_never_sees_it(tmp_path, write_video):
    pictures = film(frames=LONG)
    clip = write_video(tmp_path / "whole.mp4", pictures)
    pictures[PACE * 4 + 2] = film(seed=9, frames=LONG)[7]
    torn = write_video(tmp_path / "torn.mp4", pictures)
    refused = failed(verdict(clip, torn))
    assert "worst frame" in refused
    assert not any(name.startswith("VMAF") for name in refused)


def test_findings_of_another_analysis_are_pooled_over_the_time_of_the_shot(source):
    noise = Finding(type=T.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 1000), key=True)
    said = Diagnosis(content="", findings=(noise,), level=Level.POOR)
    clean = Diagnosis(content="", level=Level.GOOD)
    frames = tuple(
        SampledFrame(frame=i, time=i / 2, diagnosis=said if i >= 4 else clean, score=3) for i in range(8)
    )
    whole = Shot(index=0, start=0, end=4, first_frame=0, frames=100)
    seen = Timeline(
        video=measured(source, source).source.video, shots=(ShotAnalysis(shot=whole, frames=frames),)
    )
    halves = [Shot(index=i, start=2 * i, end=2 * i + 2, first_frame=50 * i, frames=50) for i in (0, 1)]
    assert [[f.type for f in findings_at(seen, half).findings] for half in halves] == [[], [T.NOISE]]


def test_shots_that_are_not_asked_for_are_not_scored_and_the_others_score_as_ever(source, tmp_path):
    edges = [0, 3, 5, 11, FRAMES]
    shots = tuple(
        Shot(index=i, start=a / 25, end=b / 25, first_frame=a, frames=b - a)
        for i, (a, b) in enumerate(pairwise(edges))
    )
    graph = "gblur=sigma=2:enable='between(n,5,10)'"
    other = filtered(source, tmp_path / "blurred.mp4", graph)
    whole = measure_pair(source, other, RUNNER, shots)
    some = measure_pair(source, other, RUNNER, shots, scored=(shots[1], shots[2]))
    assert some.changes == whole.changes
    for model, scores in whole.scores.items():
        told = some.scores[model]
        assert sorted(told) == list(range(3, 11))
        # What moved since the frame before differs at a cut, so the first frame of a stretch is another matter.
        own = range(4, 11)
        assert [told[i] for i in own] == pytest.approx([scores[i] for i in own], abs=0.5)
        assert min(told[3], told[4]) > max(told[i] for i in range(6, 11))
    assert not any(measure_pair(source, other, RUNNER, shots, scored=()).scores.values())
