"""Frames out of one process, through a maker, into another one, with their times."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from finesight.data.pyav import load_av
from finesight.video.frame_makers import FrameMaker


def relay(source: IO[bytes], target: IO[bytes], make: FrameMaker) -> int:
    """Pass all frames on, as NUT with raw RGB; the number of frames.

    Raises:
        Whatever the maker or one of the pipes does.
    """
    av = load_av()
    number = 0
    with av.open(source, format="nut") as incoming, av.open(target, "w", format="nut") as outgoing:
        stream: Any = None
        for frame in incoming.decode(video=0):
            rgb = make(frame.to_ndarray(format="rgb24"))
            if stream is None:
                stream = outgoing.add_stream("rawvideo", rate=incoming.streams.video[0].average_rate or 25)
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "rgb24"
                stream.time_base = stream.codec_context.time_base = frame.time_base
            made = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            made.pts, made.time_base = frame.pts, frame.time_base
            outgoing.mux(stream.encode(made))
            number += 1
        if stream is not None:
            outgoing.mux(stream.encode(None))
    return number
