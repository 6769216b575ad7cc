"""Which encoder and pixel format a video gets; that they work is shown in test_process.py."""

from __future__ import annotations

import pytest

from finesight.schema.video import Colour, Video
from finesight.video.encoding import encoding_of
from finesight.video.settings import ProcessSettings

TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")


def video(pixel_format: str, bits: int, size: tuple[int, int] = (96, 64)) -> Video:
    return Video(
        path="a.mp4", bytes=1, container="mp4", codec="h264", width=size[0], height=size[1],
        pixel_format=pixel_format, bit_depth=bits, duration=4, rate=25, colour=TAGS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pixel_format", "bits", "encoder", "becomes"),
    [
        ("yuv420p", 8, "libx264", "yuv420p"),
        ("yuvj420p", 8, "libx264", "yuv420p"),
        ("nv12", 8, "libx264", "yuv420p"),
        ("yuyv422", 8, "libx264", "yuv422p"),
        ("yuv411p", 8, "libx264", "yuv422p"),
        ("yuv444p", 8, "libx264", "yuv444p"),
        ("gray", 8, "libx264", "gray"),
        ("rgb24", 8, "libx265", "gbrp"),
        ("gbrp10le", 10, "libx265", "gbrp10le"),
        ("yuv420p10le", 10, "libx265", "yuv420p10le"),
        ("p010le", 10, "libx265", "yuv420p10le"),
        ("yuv422p10le", 10, "libx265", "yuv422p10le"),
        ("yuv444p12le", 12, "libx265", "yuv444p12le"),
        ("gray10le", 10, "libx265", "gray10le"),
    ],
)
def test_bits_and_chroma_are_kept(ffmpeg, pixel_format, bits, encoder, becomes):
    chosen = encoding_of(video(pixel_format, bits), ProcessSettings(preset="ultrafast"))
    assert (chosen.options[1], chosen.pixel_format, chosen.notes) == (encoder, becomes, ())
    source = ["-f", "lavfi", "-i", f"testsrc2=size=96x64:rate=25,trim=end_frame=3,format={pixel_format}"]
    kept = [*chosen.options, "-pix_fmt", chosen.pixel_format, "-f", "matroska", "-"]
    ran = ffmpeg.run([*source, *kept])
    assert ran.code == 0, ran.said
    read = ffmpeg.run(["-i", "-", "-f", "rawvideo", "-"], ran.out)
    # Decoders show H.264 without chroma as 4:2:0.
    planes = {"yuv420p": 1.5, "yuv422p": 2, "yuv444p": 3, "gray": 1.5, "gray10le": 1, "gbrp": 3}
    name = becomes if becomes in planes else becomes.removesuffix("10le").removesuffix("12le")
    assert len(read.out) == 96 * 64 * 3 * planes[name] * (1 if bits == 8 else 2)


@pytest.mark.parametrize(
    ("pixel_format", "bits", "encoder", "says"),
    [
        ("yuv444p16le", 16, "auto", "its 16 bits become 12, the most that libx265 takes"),
        ("yuv420p12le", 12, "libx264", "its 12 bits become 10, the most that libx264 takes"),
        ("rgb24", 8, "libx264", "RGB is encoded as YUV"),
        ("yuva420p", 8, "auto", "its transparency is not kept"),
    ],
)
def test_what_is_not_kept_is_said(pixel_format, bits, encoder, says):
    (note,) = encoding_of(video(pixel_format, bits), ProcessSettings(encoder=encoder)).notes
    assert says in note


@pytest.mark.parametrize(
    ("pixel_format", "size", "becomes"),
    [
        ("yuv420p", (97, 64), "yuv444p"),
        ("yuv420p", (96, 65), "yuv444p"),
        ("yuv422p", (96, 65), "yuv422p"),
        ("yuv422p", (97, 64), "yuv444p"),
        ("gray", (97, 65), "gray"),
    ],
)
def test_odd_sizes_have_chroma_that_fits(pixel_format, size, becomes):
    chosen = encoding_of(video(pixel_format, 8, size), ProcessSettings())
    assert chosen.pixel_format == becomes
    assert bool(chosen.notes) == (becomes != pixel_format)


def test_settings_are_told_to_the_encoder():
    told = ProcessSettings(crf=20.5, preset="slow", threads=3)
    assert encoding_of(video("yuv420p", 8), told).options == (
        *("-c:v", "libx264", "-preset", "slow", "-crf", "20.5", "-threads", "3"),
    )
    assert "frame-threads=3:pools=3" in encoding_of(video("yuv420p10le", 10), told).options[-1]
    assert "+ilme+ildct" in encoding_of(video("yuv420p", 8), told, fields=True).options
    (note,) = encoding_of(video("yuv420p10le", 10), told, fields=True).notes
    assert "fields" in note
