"""The whole analysis on real files: what it finds, that it decodes once, and that a kill changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from finesight.errors import ConfigError
from finesight.schema.picture import Outcome
from finesight.schema.taxonomy import DistortionType
from finesight.schema.video import Timeline
from finesight.video import analyse as module
from finesight.video.analyse import analyse
from finesight.video.folder import read_timeline
from finesight.video.frames import FrameReader
from finesight.video.journal import Journal
from finesight.video.settings import AnalysisSettings

Write = Callable[..., Path]
DARK, BRIGHT = DistortionType.UNDEREXPOSURE, DistortionType.OVEREXPOSURE
SETTINGS = AnalysisSettings(batch=3)


@pytest.fixture
def film(tmp_path: Path, write_video: Write, shot) -> Path:
    """A good shot of 0.8 s, a dark one of 1.2 s, a bright one of 1 s."""
    good, other, third = shot(1, 20), shot(2, 30), shot(3, 25)
    dark = [(frame * 0.2).astype(np.uint8) for frame in other]
    bright = [(255 - (255 - frame) * 0.25).astype(np.uint8) for frame in third]
    return write_video(tmp_path / "film.mp4", [*good, *dark, *bright])


def test_each_shot_has_its_own_flaw_and_the_film_has_both(film: Path, tmp_path: Path, by_brightness) -> None:
    timeline = analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    assert [[(f.type, f.key) for f in one.findings] for one in timeline.shots] == [
        [],
        [(DARK, True)],
        [(BRIGHT, True)],
    ]
    dark, bright = sorted(timeline.findings, key=lambda f: f.start)
    assert (dark.type, dark.key, bright.type, bright.key) == (DARK, True, BRIGHT, False)
    assert (dark.start, dark.end) == pytest.approx((0.8, 2.0))
    assert (dark.share, bright.share) == pytest.approx((0.4, 1 / 3), abs=1e-4)
    assert timeline.worst == min(one.score for one in timeline.shots)
    assert timeline.notes == ()
    assert read_timeline(tmp_path / "run") == timeline


def test_the_model_sees_whole_frames_that_are_left_as_pictures(
    film: Path, tmp_path: Path, by_brightness
) -> None:
    timeline = analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    frames = [frame for one in timeline.shots for frame in one.frames]
    assert sorted(by_brightness.asked) == sorted(Path(frame.picture).name for frame in frames)
    assert {path.name for path in (tmp_path / "run/frames").iterdir()} == set(by_brightness.asked)
    pictures = {f.ordinal: f.frame for f in FrameReader(film, 25)}
    for frame in frames:
        written = cv2.imread(str(tmp_path / "run" / frame.picture))
        assert written.shape == (64, 96, 3)
        assert np.abs(written.astype(int) - pictures[frame.frame].to_ndarray(format="bgr24")).mean() < 2


def test_every_frame_is_decoded_once_beside_the_one_of_the_probe(
    film: Path, tmp_path: Path, by_brightness, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    decoded = FrameReader._decoded

    def counted(reader: FrameReader) -> Any:
        passes.append(0)
        for frame in decoded(reader):
            passes[-1] += 1
            yield frame

    monkeypatch.setattr(FrameReader, "_decoded", counted)
    analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    assert passes == [75]


def test_a_finished_run_is_read_and_nothing_is_asked_again(film: Path, tmp_path: Path, by_brightness) -> None:
    first = analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    asked = len(by_brightness.asked)
    assert analyse(film, tmp_path / "run", by_brightness, SETTINGS) == first
    assert len(by_brightness.asked) == asked
    with pytest.raises(ConfigError, match="batch is 4, was 3"):
        analyse(film, tmp_path / "run", by_brightness)


def test_a_budget_is_kept_and_part_of_it_goes_to_the_worst_shot(
    film: Path, tmp_path: Path, by_brightness
) -> None:
    settings = AnalysisSettings(budget=7, again=0.3, batch=1)
    timeline = analyse(film, tmp_path / "run", by_brightness, settings)
    counts = [len(one.frames) for one in timeline.shots]
    scores = [one.score for one in timeline.shots]
    assert sum(counts) == len(by_brightness.asked) == 7
    assert scores.index(min(scores)) == 2
    assert counts == [1, 2, 4]  # five by length, and two more for the worst


def test_frames_that_the_model_cannot_judge_are_told_and_count_for_nothing(
    film: Path, tmp_path: Path, by_brightness
) -> None:
    def half(pictures: Any) -> list[Outcome]:
        outcomes = by_brightness(pictures)
        return [
            Outcome(image=o.image, error="the answer cannot be read") if i == 0 else o
            for i, o in enumerate(outcomes)
        ]

    timeline = analyse(film, tmp_path / "run", half, AnalysisSettings(batch=2))
    assert [[f.type for f in one.findings] for one in timeline.shots] == [[], [DARK], [BRIGHT]]
    frames = [frame for one in timeline.shots for frame in one.frames]
    failed = [frame for frame in frames if frame.error]
    assert failed
    assert all(frame.score is None and frame.diagnosis is None for frame in failed)
    assert timeline.notes == (
        f"{len(failed)} frames have no diagnosis and count for nothing; frames.jsonl says why",
    )


def test_a_file_cut_off_is_analysed_as_far_as_it_goes_and_says_so(
    tmp_path: Path, write_video: Write, shot, by_brightness
) -> None:
    path = write_video(
        tmp_path / "a.mp4", [*shot(1, 40), *shot(2, 60)], container_options={"movflags": "faststart"}
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 3])
    timeline = analyse(path, tmp_path / "run", by_brightness)
    assert timeline.shots
    assert any(
        "its frames end at" in note and "of 4.0 s: it is cut off or damaged" in note
        for note in timeline.notes
    )


@pytest.mark.parametrize(
    ("name", "frames", "how"),
    [
        ("one.mp4", 1, {}),
        ("odd.mkv", 5, {"codec": "ffv1", "pix_fmt": "yuv444p"}),
        ("turned.mp4", 20, {"rotation": 90}),
        ("ten.mp4", 20, {"pix_fmt": "yuv420p10le"}),
        ("hdr.mp4", 20, {"pix_fmt": "yuv420p10le", "tags": (9, 16, 9, 1)}),
        ("raw.h264", 20, {}),
    ],
)
def test_odd_files_are_analysed_too(
    tmp_path: Path, write_video: Write, shot, by_brightness, name: str, frames: int, how: dict[str, Any]
) -> None:
    size = (97, 63) if name == "odd.mkv" else (96, 64)
    timeline = analyse(
        write_video(tmp_path / name, shot(1, frames, size), **how), tmp_path / "run", by_brightness
    )
    (one,) = timeline.shots
    assert one.shot.frames == frames
    assert one.score is not None
    assert timeline.video.duration > 0
    picture = cv2.imread(str(tmp_path / "run" / one.frames[0].picture))
    assert picture.shape[:2] == ((96, 64) if name == "turned.mp4" else size[::-1])
    assert any("HDR" in note for note in timeline.notes) == (name == "hdr.mp4")


class Killed(BaseException):
    """What no code catches."""


def _dying(function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The function, that many times; then it dies before it does anything."""
    left = [after]

    def call(*args: Any, **named: Any) -> Any:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return function(*args, **named)

    return call


def _torn(after: int) -> Callable[..., None]:
    """`Journal.append`, that dies after so many calls with half a line written."""
    append, left = Journal.append, [after]

    def call(journal: Journal[Any], new: Any) -> None:
        if left[0] == 0:
            journal._file.write(next(iter(new)).model_dump_json().encode()[:40])
            journal._file.flush()
            raise Killed
        left[0] -= 1
        append(journal, new)

    return call


@pytest.mark.parametrize("what", ["picture", "line", "question"])
@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_cut_off_anywhere_it_goes_on_to_the_same_result(
    film: Path, tmp_path: Path, by_brightness, what: str, after: int
) -> None:
    settings = AnalysisSettings(budget=8, batch=2)
    whole = analyse(film, tmp_path / "whole", by_brightness, settings)
    asked = list(by_brightness.asked)
    by_brightness.asked.clear()
    diagnose = by_brightness
    with pytest.MonkeyPatch.context() as patch:
        if what == "picture":
            patch.setattr(module, "write_bytes", _dying(module.write_bytes, after))
        elif what == "line":
            patch.setattr(Journal, "append", _torn(after))
        else:
            diagnose = _dying(by_brightness, min(after, 3))
        with pytest.raises(Killed):
            analyse(film, tmp_path / "cut", diagnose, settings)
    again = analyse(film, tmp_path / "cut", by_brightness, settings)
    assert again == whole
    if what != "line":  # there the answers of one batch were lost with their lines
        assert sorted(by_brightness.asked) == sorted(asked)
    else:
        assert len(by_brightness.asked) <= len(asked) + settings.batch
    pictures = [
        {path.name: path.read_bytes() for path in (tmp_path / run / "frames").iterdir()}
        for run in ("whole", "cut")
    ]
    assert pictures[0] == pictures[1]


def test_shots_that_have_ended_are_not_searched_again(film: Path, tmp_path: Path, by_brightness) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "append", _torn(2))
        with pytest.raises(Killed):
            analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    before = (tmp_path / "run/shots.jsonl").read_bytes().splitlines()[:2]
    measured: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        measure = module.measure
        patch.setattr(module, "measure", lambda luma: measured.append(1) or measure(luma))
        timeline = analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    assert (tmp_path / "run/shots.jsonl").read_bytes().splitlines()[:2] == before
    regular = sum(bool(frame.signals) for frame in timeline.shots[2].frames)
    assert len(measured) == regular


def test_a_process_that_was_killed_leaves_a_folder_that_goes_on(
    film: Path, tmp_path: Path, by_brightness
) -> None:
    program = f"""
    import os, signal
    from pathlib import Path
    from finesight.schema.diagnosis import Diagnosis
    from finesight.schema.picture import Outcome
    from finesight.video.analyse import analyse
    from finesight.video.settings import AnalysisSettings
    def diagnose(pictures):
        os.kill(os.getpid(), signal.SIGKILL)
    analyse(Path({str(film)!r}), Path({str(tmp_path / "run")!r}), diagnose, AnalysisSettings(batch=3))
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert not (tmp_path / "run/timeline.json").exists()
    again: Timeline = analyse(film, tmp_path / "run", by_brightness, SETTINGS)
    assert again == analyse(film, tmp_path / "whole", by_brightness, SETTINGS)


def test_progress_is_told_up_to_the_end(film: Path, tmp_path: Path, by_brightness) -> None:
    told: list[tuple[str, float, float]] = []
    analyse(film, tmp_path / "run", by_brightness, SETTINGS, watch=lambda *what: told.append(what))
    assert [what for what, _, _ in told] == sorted((what for what, _, _ in told), reverse=True)
    reading = [done for what, done, _ in told if what == "reading"]
    assert reading == sorted(reading)
    assert reading[-1] == pytest.approx(3.0)
    assert told[-1] == ("diagnosing", told[-1][2], told[-1][2])


def test_a_shot_may_be_shown_as_one_clip(three_shots, tmp_path, by_brightness) -> None:
    """Each clip holds the frames of one shot in order, at their distance; all of them have what is said of it."""
    shown = []

    def diagnose(pictures):
        shown.extend(pictures)
        return by_brightness(pictures)

    settings = AnalysisSettings(native=True, min_shot=0.3, extremes=False, again=0, short_frames=3)
    timeline = analyse(three_shots, tmp_path / "run", diagnose, settings)
    assert [len(clip.frames) for clip in shown] == [len(one.frames) for one in timeline.shots] == [3, 3, 3]
    for clip, one in zip(shown, timeline.shots, strict=True):
        times = [frame.time for frame in one.frames]
        assert clip.seconds == pytest.approx((times[-1] - times[0]) / 2)
        assert len({frame.diagnosis for frame in one.frames}) == 1
        kept = cv2.imread(str(tmp_path / "run" / one.frames[1].picture))
        assert np.array_equal(clip.frames[1], kept[..., ::-1])
