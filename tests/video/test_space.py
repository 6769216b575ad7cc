"""Room on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from finesight.errors import InputError
from finesight.schema.video import Colour, Video
from finesight.video.space import check_room, expected_bytes, free_bytes

TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")


def video(size: int) -> Video:
    return Video(
        path="a.mp4", bytes=size, container="mp4", codec="h264", width=1280, height=720, pixel_format="yuv420p",
        bit_depth=8, duration=4, rate=25, colour=TAGS,
    )  # fmt: skip


def test_less_than_is_needed_is_told_with_both_amounts(tmp_path):
    check_room(tmp_path, 1000, lambda folder: 1000)
    with pytest.raises(InputError, match=r"2\.5 GB are needed and 3\.0 MB are free; free some"):
        check_room(tmp_path, 2_500_000_000, lambda folder: 3_000_000)


def test_what_is_free_is_that_of_the_disk(tmp_path):
    assert free_bytes(tmp_path) > 0
    assert free_bytes(Path("/dev/shm")) != 0


def test_noisy_finer_longer_and_larger_videos_are_expected_to_take_more():
    small, large = video(1_000_000), video(20_000_000)
    usual = expected_bytes(small, 100, 100, 16)
    assert usual == 1280 * 720 * 100 / 8 * 0.25
    assert expected_bytes(large, 100, 100, 16) == 1280 * 720 * 100 / 8 * 2.5
    assert expected_bytes(small, 200, 200, 16) == 2 * usual
    assert expected_bytes(small, 100, 100, 16, enlarged=4) == 4 * usual
    assert expected_bytes(small, 100, 100, 10) == 2 * usual
