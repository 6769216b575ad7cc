"""Frames: each once, with its time, upright and with the right colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from finesight.schema.video import Colour
from finesight.video.frames import FrameReader, luma, small_planes, thumbnail, upright
from finesight.video.probe import probe

Write = Callable[..., Path]


def test_times_are_those_of_the_file(tmp_path: Path, write_video: Write, shot) -> None:
    times = [0.0, 0.04, 0.2, 0.21, 0.5, 1.0]
    path = write_video(tmp_path / "a.mkv", shot(1, 6), times=times)
    reader = FrameReader(path, rate=25)
    seen = list(reader)
    assert [frame.time for frame in seen] == pytest.approx(times, abs=1e-6)
    assert [frame.ordinal for frame in seen] == list(range(6))
    assert reader.irregular
    assert reader.frames == 6
    assert reader.end > 1.0


def test_a_first_frame_that_is_late_counts_as_second_zero(tmp_path: Path, write_video: Write, shot) -> None:
    path = write_video(tmp_path / "a.mkv", shot(1, 4), times=[7.0, 7.04, 7.08, 7.12])
    assert [f.time for f in FrameReader(path, rate=25)] == pytest.approx([0, 0.04, 0.08, 0.12])


def test_frames_without_times_come_at_the_rate(tmp_path: Path, write_video: Write, shot) -> None:
    path = write_video(tmp_path / "a.h264", shot(1, 5))
    reader = FrameReader(path, rate=probe(path).rate)
    times = [frame.time for frame in reader]
    assert times == sorted(times)
    assert reader.end == pytest.approx(0.2, abs=0.05)


def test_a_file_cut_off_gives_what_is_there_and_counts_the_damage(
    tmp_path: Path, write_video: Write, shot
) -> None:
    faststart = {"movflags": "faststart"}
    path = write_video(tmp_path / "a.mp4", shot(1, 60), container_options=faststart)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 2])
    reader = FrameReader(path, rate=25)
    assert 5 < len(list(reader)) < 60
    assert reader.damaged > 0
    assert reader.end < 2.3


def test_a_damaged_middle_does_not_end_a_video(tmp_path: Path, write_video: Write, shot) -> None:
    path = write_video(tmp_path / "a.ts", shot(1, 60), codec="mpeg2video", options={"g": "6"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = bytes(600)
    path.write_bytes(content)
    reader = FrameReader(path, rate=25)
    assert 40 < len(list(reader)) <= 60
    assert reader.damaged > 0
    assert reader.end > 2.2


def test_pixels_are_upright_and_those_that_were_written(tmp_path: Path, write_video: Write, shot) -> None:
    picture = shot(1, 1)[0]
    path = write_video(tmp_path / "a.mp4", [picture], rotation=90, pix_fmt="yuv444p")
    rgb = upright(next(iter(FrameReader(path, 25))).frame, probe(path).colour)
    assert rgb.shape == (96, 64, 3)
    assert np.abs(rgb.astype(int) - np.rot90(picture)).mean() < 3


@pytest.mark.parametrize(
    ("tag", "width", "weights"),
    [
        (1, 96, (0.2126, 0.0722)),
        (5, 96, (0.299, 0.114)),
        (9, 96, (0.2627, 0.0593)),
        (2, 96, (0.299, 0.114)),  # untagged: by its size
        (2, 1280, (0.2126, 0.0722)),
    ],
)
def test_colours_are_converted_by_the_matrix_of_the_file_or_of_its_size(
    tmp_path: Path, tag: int, width: int, weights: tuple[float, float]
) -> None:
    """The code values are worked out by the formulas of ITU-R BT.601, BT.709 and BT.2020."""
    kr, kb = weights
    r, g, b = (v / 255 for v in (20, 200, 40))
    y = kr * r + (1 - kr - kb) * g + kb * b
    codes = (16 + 219 * y, 128 + 224 * (b - y) / 2 / (1 - kb), 128 + 224 * (r - y) / 2 / (1 - kr))
    path = tmp_path / "a.mkv"
    write_yuv(path, [np.full((64, width), round(code), np.uint8) for code in codes], tag)
    rgb = upright(next(iter(FrameReader(path, 25))).frame, probe(path).colour)
    assert np.abs(rgb.astype(int) - (20, 200, 40)).max() <= 3


def write_yuv(path: Path, planes: list[np.ndarray], matrix: int) -> None:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1
        frame = av.VideoFrame.from_ndarray(np.stack(planes), format="yuv444p")
        frame.colorspace, frame.color_range = matrix, 1
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("libx264", "yuv420p"), ("libx264", "yuv420p10le"), ("ffv1", "gray"), ("ffv1", "bgr0")],
)
def test_luma_is_that_of_the_picture_in_every_format(
    tmp_path: Path, write_video: Write, shot, codec: str, pix_fmt: str
) -> None:
    picture = shot(1, 1)[0]
    path = write_video(tmp_path / "a.mkv", [picture], codec=codec, pix_fmt=pix_fmt)
    colour = probe(path).colour
    found = luma(next(iter(FrameReader(path, 25))).frame, colour)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert found.shape == grey.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - grey).mean() < 3


@pytest.mark.parametrize("size", [(97, 63), (640, 16), (16, 640)])
def test_a_thumbnail_is_small_and_of_one_shape(
    tmp_path: Path, write_video: Write, shot, size: tuple[int, int]
) -> None:
    path = write_video(tmp_path / "a.mkv", shot(1, 2, size), codec="ffv1", pix_fmt="yuv444p")
    shapes = {thumbnail(f.frame, *size).shape for f in FrameReader(path, 25)}
    assert len(shapes) == 1
    assert shapes.pop()[1] <= 256


@pytest.mark.parametrize(
    "pixels",
    ["yuv420p", "yuvj422p", "yuv444p", "yuv410p", "yuva420p", "yuv420p10le", "yuv422p12be", "nv12", "gray"],
)
@pytest.mark.parametrize("size", [(160, 96), (50, 34)])
def test_small_planes_are_means_as_ffmpeg_makes_them(pixels, size):
    width, height = size
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(255, 0, height))
    rgb = np.stack([across, down, 0.5 * (across + down)], -1).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
    colour = Colour(
        primaries="bt709", transfer="bt709", matrix="smpte170m", range="pc" if "j" in pixels else "tv"
    )
    small = small_planes(frame, colour, width // 4, height // 4)
    expected = frame.reformat(width // 4, height // 4, format="yuvj444p", interpolation="AREA").to_ndarray()
    assert (small.shape, small.dtype) == ((3, height // 4, width // 4), np.uint8)
    np.testing.assert_allclose(small.astype(int), expected.astype(int), atol=6)
    assert np.abs(small.astype(int) - expected).mean() < 1.5
