"""Times of frames by the file, and how they are kept."""

from __future__ import annotations

import pytest

from finesight.video.opening import VideoError
from finesight.video.pace import pace_of, shown


def test_times_are_those_of_the_file_and_key_frames_are_known(tmp_path, write_video, shot):
    at = [0.0, 0.04, 0.1, 0.133, 0.5]
    source = write_video(tmp_path / "a.mkv", shot(1, 5), times=at)
    pace = pace_of(source, "mark", 10, tmp_path / "pace.json")
    assert [pace.seconds(n) for n in range(5)] == pytest.approx(at, abs=1e-9)
    assert pace.keys[0] == 0
    assert pace.seconds(5) > 0.5
    assert shown(source).times == pytest.approx(at, abs=1e-9)


def test_they_are_read_once_for_a_content(three_shots, tmp_path):
    kept = tmp_path / "kept" / "pace.json"
    first = pace_of(three_shots, "one", 25, kept)
    assert len(first.ticks) == 90
    assert pace_of(tmp_path / "not there", "one", 25, kept) == first
    with pytest.raises(VideoError, match="no such file"):
        pace_of(tmp_path / "not there", "two", 25, kept)
    kept.write_text("{")
    assert pace_of(three_shots, "one", 25, kept) == first


def test_a_stream_whose_frames_have_no_times_of_their_own_is_refused_with_what_helps(tmp_path, ffmpeg):
    source = tmp_path / "double.mkv"
    graph = "setpts=if(eq(N\\,5)\\,4\\,N)/25/TB"
    words = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25,trim=end_frame=10", "-vf", graph]
    words += ["-fps_mode", "passthrough", "-c:v", "ffv1", str(source)]
    assert ffmpeg.run(words).code == 0
    with pytest.raises(
        VideoError, match=r"double\.mkv: frame 5 has no time of its own; .*ffmpeg -fflags \+genpts"
    ):
        pace_of(source, "mark", 25, tmp_path / "pace.json")
