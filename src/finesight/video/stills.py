"""Some frames of a video as pictures, in one pass over it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from finesight.video.frames import FrameReader, Pixels, upright
from finesight.video.probe import probe


def stills(path: Path, frames: Collection[int]) -> Iterator[tuple[int, Pixels]]:
    """The frames of these numbers in order, upright, uint8 RGB (height, width, 3); those past the end are left out.

    Raises:
        VideoError: the file is no video.
    """
    video = probe(path)
    last = max(frames, default=-1)
    for number, _, frame in FrameReader(path, video.rate) if frames else ():
        if number in frames:
            yield number, upright(frame, video.colour)
        if number >= last:
            return
