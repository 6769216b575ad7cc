"""When the sound of a file begins and ends beside its pictures, by the packets; nothing is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finesight.data.pyav import load_av
from finesight.schema.verdict import Track
from finesight.video.opening import open_video


def tracks(path: Path) -> tuple[Track, ...]:
    """The streams of sound of a file, times in seconds from its first frame.

    What cannot be read of a damaged file is left out of a track's length.

    Raises:
        VideoError: as `open_video`.
    """
    with open_video(path) as (container, stream):
        sounds = list(container.streams.audio)
        spans = _spans(container, [stream, *sounds])
        first = spans.get(stream.index, (0.0, 0.0))[0]
        return tuple(_track(sound, spans.get(sound.index), first) for sound in sounds)


def _spans(container: Any, streams: list[Any]) -> dict[int, tuple[float, float]]:
    """First and last second of each stream by its index; what is coded only to be cut off does not count."""
    av = load_av()
    spans: dict[int, tuple[float, float]] = {}
    try:
        for packet in container.demux(streams):
            if packet.pts is None or packet.is_discard:
                continue
            unit = packet.time_base or packet.stream.time_base
            begin, end = float(packet.pts * unit), float((packet.pts + (packet.duration or 0)) * unit)
            first, last = spans.get(packet.stream.index, (begin, end))
            spans[packet.stream.index] = (min(first, begin), max(last, end))
    except av.error.FFmpegError:
        pass  # damage is counted, and judged, when the frames are decoded
    return spans


def _track(sound: Any, span: tuple[float, float] | None, first: float) -> Track:
    start, end = span or (first, first)
    context = sound.codec_context
    channels = 0 if context is None else context.channels
    codec = "unknown" if context is None else context.name
    return Track(codec=codec, channels=channels, start=round(start - first, 6), end=round(end - first, 6))
