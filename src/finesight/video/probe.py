"""What a video file is: read from its headers, its first packets and its first frame."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from finesight.data.images import printable
from finesight.data.pyav import load_av
from finesight.schema.video import Video
from finesight.video.colour import colour_of
from finesight.video.opening import VideoError, open_video

_PACKETS = 1000
"""So many are looked at for how regular the times of frames are; nothing of them is decoded."""
_FIRST_PACKETS = 300
"""Within so many there is a frame, or the file is taken to have none."""
_REORDERED = 16
"""The last ones of a stretch are left out of it: frames that are shown between them may come later."""
_DEFAULT_RATE = 25.0
_CONTAINER_UNITS = 1_000_000.0
_MASTERING, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_CORNERS = ("red_x", "red_y", "green_x", "green_y", "blue_x", "blue_y", "white_x", "white_y")


def probe(path: Path) -> Video:
    """What is known of a file before its frames are looked at.

    Raises:
        VideoError: it is no video, or no frame of it can be decoded.
    """
    with open_video(path) as (container, stream):
        times = _times(container, stream)
    with open_video(path) as (container, stream):
        frame = _first_frame(path, container, stream)
        rate = _rate(stream, times)
        codec = stream.codec_context
        tags = tuple(map(int, (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)))
        return Video(
            path=printable(path),
            bytes=path.stat().st_size,
            container=container.format.name,
            codec=codec.name,
            width=frame.width,
            height=frame.height,
            pixel_format=frame.format.name,
            bit_depth=max(part.bits for part in frame.format.components),
            duration=_duration(container, stream),
            rate=rate,
            sar=float(stream.sample_aspect_ratio or codec.sample_aspect_ratio or 1),
            rotation=clockwise(frame),
            variable_rate=irregular(times, float(stream.time_base)),
            interlaced=bool(frame.interlaced_frame),
            colour=colour_of(tags, frame.width, frame.height, rate, frame.format.name),
            hdr=_hdr(frame),
            audio=len(container.streams.audio),
            subtitles=len(container.streams.subtitles),
            chapters=len(container.chapters()),
        )


def clockwise(frame: Any) -> int:
    """Degrees clockwise by which a frame is to be turned to stand upright: 0, 90, 180 or 270."""
    return -round(float(frame.rotation) / 90) * 90 % 360


def irregular(times: Sequence[float], tick: float) -> bool:
    """Whether frames come at uneven times.

    Args:
        times: of successive frames, in seconds. tick: the unit that the container rounds them to.
    """
    steps = sorted(after - before for before, after in pairwise(times))
    if not steps:
        return False
    usual = steps[len(steps) // 2]
    return steps[-1] - steps[0] > 2.5 * tick and max(steps[-1] - usual, usual - steps[0]) > 0.2 * usual


def _times(container: Any, stream: Any) -> list[float]:
    """Times of the first frames in the order in which they are shown."""
    av = load_av()
    found: list[float] = []
    try:
        for packet in islice(container.demux(stream), _PACKETS):
            if packet.pts is not None:
                found.append(float(packet.pts * stream.time_base))
    except av.error.FFmpegError:
        pass  # what is cut off is found out, and told, when the frames are decoded
    found.sort()
    return found[:-_REORDERED] if len(found) == _PACKETS else found


def _first_frame(path: Path, container: Any, stream: Any) -> Any:
    av = load_av()
    damaged = ""
    try:
        for packet in islice(container.demux(stream), _FIRST_PACKETS):
            try:
                for frame in packet.decode():
                    return frame
            except av.error.FFmpegError as error:
                damaged = f" ({error.strerror})"
    except av.error.FFmpegError as error:
        damaged = f" ({error.strerror})"
    raise VideoError(
        path, f"no frame of it can be decoded{damaged}", "it is cut off or damaged; copy or download it again"
    )


def _rate(stream: Any, times: Sequence[float]) -> float:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate:
            return float(rate)
    span = times[-1] - times[0] if times else 0.0
    return (len(times) - 1) / span if span > 0 else _DEFAULT_RATE


def _duration(container: Any, stream: Any) -> float:
    """Seconds by the stream's header, else by the container's; 0 where neither says."""
    if stream.duration:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0.0, (container.duration or 0) / _CONTAINER_UNITS)


def has_light(frame: Any) -> bool:
    """Whether a frame says both how it was mastered and how bright the content is."""
    return {_MASTERING, _LIGHT} <= {data.type.name for data in frame.side_data}


def _hdr(frame: Any) -> Mapping[str, float]:
    """Mastering display (chromaticities, candela a square metre) and content light level of a frame's side data."""
    found: dict[str, float] = {}
    for data in frame.side_data:
        if data.type.name == _MASTERING:
            found |= _mastering(bytes(data))
        elif data.type.name == _LIGHT:
            found |= dict(
                zip(("max_cll", "max_fall"), map(float, struct.unpack_from("=2I", bytes(data))), strict=True)
            )
    return found


def _mastering(data: bytes) -> dict[str, float]:
    """ffmpeg's AVMasteringDisplayMetadata: ten fractions and two flags, primaries and luminance known."""
    *parts, has_primaries, has_luminance = struct.unpack_from("=22i", data)
    values = [float(Fraction(n, d)) if d else 0.0 for n, d in zip(parts[::2], parts[1::2], strict=True)]
    found = dict(zip(_CORNERS, values[:8], strict=True)) if has_primaries else {}
    return found | ({"min_luminance": values[8], "max_luminance": values[9]} if has_luminance else {})
