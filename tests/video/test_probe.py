"""Probing: every field of `Video`, on files that differ in it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.probe import _hdr, clockwise, irregular, probe

Write = Callable[..., Path]


def test_the_plain_fields_are_those_of_the_file(tmp_path: Path, write_video: Write, shot) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 30), audio=2, chapters=3)
    video = probe(path)
    assert (video.path, video.bytes) == (str(path), path.stat().st_size)
    assert (video.width, video.height, video.codec, video.pixel_format) == (96, 64, "h264", "yuv420p")
    assert (video.rate, video.bit_depth, video.sar, video.rotation) == (25.0, 8, 1.0, 0)
    assert video.duration == pytest.approx(1.2)
    assert (video.audio, video.subtitles, video.chapters) == (2, 0, 3)
    assert not video.variable_rate
    assert not video.interlaced
    assert video.hdr == {}


def test_pixels_that_are_not_square_and_rotation_are_told(tmp_path: Path, write_video: Write, shot) -> None:
    video = probe(write_video(tmp_path / "a.mp4", shot(1, 4), sar=Fraction(4, 3), rotation=90))
    assert video.sar == pytest.approx(4 / 3)
    # PyAV, as ffmpeg's display matrix, counts anticlockwise.
    assert video.rotation == 270


@pytest.mark.parametrize(("degrees", "clock"), [(0, 0), (90, 270), (-90, 90), (180, 180), (-180, 180)])
def test_a_display_matrix_counts_anticlockwise(degrees: int, clock: int) -> None:
    assert clockwise(SimpleNamespace(rotation=degrees)) == clock


def test_uneven_times_are_a_variable_rate_and_rounded_ones_are_not(
    tmp_path: Path, write_video: Write, shot
) -> None:
    uneven = [0.04 * i + (0.03 if i % 3 == 0 else 0) for i in range(30)]
    assert probe(write_video(tmp_path / "vfr.mkv", shot(1, 30), times=uneven)).variable_rate
    # Matroska rounds 33.3 ms to 33 and 34.
    assert not probe(write_video(tmp_path / "cfr.mkv", shot(1, 30), rate=30)).variable_rate


@given(st.integers(2, 200), st.sampled_from([24, 25, 30, 50, 60]), st.sampled_from([0.001, 1 / 90_000]))
def test_times_rounded_to_a_tick_are_never_taken_for_uneven(count: int, rate: int, tick: float) -> None:
    times = [round(i / rate / tick) * tick for i in range(count)]
    assert not irregular(times, tick)
    if count > 3:
        assert irregular([*times[:-1], times[-1] + 1 / rate], tick)


def test_ten_bits_and_the_tags_of_hdr_are_read(tmp_path: Path, write_video: Write, shot) -> None:
    path = write_video(tmp_path / "a.mp4", shot(1, 4), pix_fmt="yuv420p10le", tags=(9, 16, 9, 1))
    video = probe(path)
    assert video.bit_depth == 10
    colour = video.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.range) == (
        "bt2020",
        "smpte2084",
        "bt2020nc",
        "tv",
    )
    assert colour.assumed == ()


def test_interlaced_frames_are_told(tmp_path: Path, write_video: Write, shot) -> None:
    fields = {"preset": "ultrafast", "x264-params": "interlaced=1"}
    assert probe(write_video(tmp_path / "a.mp4", shot(1, 4), options=fields)).interlaced


@pytest.mark.parametrize("size", [(97, 63), (33, 17), (17, 33)])
def test_odd_sizes_are_kept(tmp_path: Path, write_video: Write, shot, size: tuple[int, int]) -> None:
    video = probe(write_video(tmp_path / "a.mkv", shot(1, 2, size), codec="ffv1", pix_fmt="yuv444p"))
    assert (video.width, video.height) == size


def test_one_frame_is_a_video(tmp_path: Path, write_video: Write, shot) -> None:
    video = probe(write_video(tmp_path / "a.mp4", shot(1, 1)))
    assert video.duration > 0
    assert not video.variable_rate


def test_a_raw_stream_has_no_duration_and_a_rate_all_the_same(
    tmp_path: Path, write_video: Write, shot
) -> None:
    path = write_video(tmp_path / "a.h264", shot(1, 10))
    video = probe(path)
    assert video.duration == 0
    assert video.rate == 25


def test_mastering_display_and_content_light_of_an_hdr10_file_are_read(tmp_path: Path) -> None:
    import subprocess

    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    params = (
        "log-level=none:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=900,300"
    )
    path = tmp_path / "hdr.mp4"
    made = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=128x96:d=0.2:r=25",
    ]
    made += ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params]
    subprocess.run([*made, str(path)], check=True)
    video = probe(path)
    assert (video.hdr["max_cll"], video.hdr["max_fall"], video.hdr["max_luminance"]) == (900, 300, 1000)
    assert (video.hdr["green_x"], video.hdr["green_y"]) == pytest.approx((0.265, 0.69))
    assert video.colour.transfer == "smpte2084"


def test_mastering_display_and_content_light_are_decoded_from_side_data() -> None:
    """Laid out by hand as ffmpeg's public structs: 10 fractions and two flags; two unsigned numbers."""
    p3 = (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450)
    fractions = [part for value in p3 for part in (value, 50_000)] + [50, 10_000, 10_000_000, 10_000]
    mastering = struct.pack("=20i", *fractions) + struct.pack("=2i", 1, 1)

    class Data:
        def __init__(self, name: str, content: bytes) -> None:
            self.type, self._content = SimpleNamespace(name=name), content

        def __bytes__(self) -> bytes:
            return self._content

    frame = SimpleNamespace(
        side_data=[
            Data("MASTERING_DISPLAY_METADATA", mastering),
            Data("CONTENT_LIGHT_LEVEL", struct.pack("=2I", 1000, 400)),
            Data("SEI_UNREGISTERED", b"x264"),
        ]
    )
    found = _hdr(frame)
    assert (found["red_x"], found["red_y"], found["white_x"]) == pytest.approx((0.68, 0.32, 0.3127))
    assert (found["min_luminance"], found["max_luminance"]) == pytest.approx((0.005, 1000))
    assert (found["max_cll"], found["max_fall"]) == (1000, 400)
