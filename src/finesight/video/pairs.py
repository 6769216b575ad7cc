"""Both files decoded side by side, once, and what their frames come to, shot by shot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from finesight.schema.verdict import Change, Structure
from finesight.schema.video import Colour, Shot, Video
from finesight.video.changes import Changes, Plane, Seen
from finesight.video.frames import Decoded, FrameReader, luma, small_planes
from finesight.video.probe import probe
from finesight.video.tracks import tracks

MEASURED_EACH = 5
"""Fine structure is measured in the first frame of a shot and each fifth after it; all else in every one."""
_SMALLER = 8
_LEAST_PX = 8


class Pair(NamedTuple):
    """Both files as they are, the shots, and how each shot has changed."""

    source: Structure
    processed: Structure
    shots: tuple[Shot, ...]
    changes: tuple[Change, ...]


def compare(
    source: Path,
    processed: Path,
    shots: Sequence[Shot] = (),
    watch: Callable[[float, float], object] | None = None,
) -> Pair:
    """Decode both and compare frame by frame as they are counted.

    Args:
        shots: of the source, in order, without gaps; without any the whole file is one. Frames of the processed
            file beyond the last shot are counted only.
        watch: is told how many seconds are done, and of how many.

    Raises:
        VideoError: one of them is no video.
    """
    videos = probe(source), probe(processed)
    readers = FrameReader(source, videos[0].rate), FrameReader(processed, videos[1].rate)
    found = [Changes() for _ in shots] or [Changes()]
    ends = [shot.first_frame + shot.frames for shot in shots[:-1]]
    at = 0
    starts: list[float] | None = None
    for both in zip_longest(*readers):
        if None in both:
            continue
        one, other = both
        starts = starts or [float(decoded.frame.time or 0.0) for decoded in both]
        while at < len(ends) and one.ordinal >= ends[at]:
            at += 1
        full = found[at].frames % MEASURED_EACH == 0
        found[at].add(*_seen(one, other, videos[0], videos[1].colour, full))
        if watch:
            watch(one.time, videos[0].duration)
    before, after = (
        Structure(
            video=video,
            frames=reader.frames,
            first=first,
            end=reader.end,
            damaged=reader.damaged,
            audio=tracks(path),
        )
        for video, reader, path, first in zip(
            videos, readers, (source, processed), starts or (0.0, 0.0), strict=True
        )
    )
    all_shots = tuple(shots) or (_whole(before),)
    return Pair(before, after, all_shots, tuple(one.sum() for one in found))


def _whole(of: Structure) -> Shot:
    return Shot(index=0, start=0, end=of.end, first_frame=0, frames=max(of.frames, 1))


def _seen(one: Decoded, other: Decoded, source: Video, colour: Colour, full: bool) -> Iterator[Seen]:
    """Both frames at the size of the source. full: with their luma at full resolution."""
    for decoded, tags in ((one, source.colour), (other, colour)):
        plane = _sized(luma(decoded.frame, tags), source) if full else None
        yield Seen(decoded.time, plane, _small(decoded.frame, tags, source))


def _sized(plane: Plane, source: Video) -> Plane:
    if plane.shape == (source.height, source.width):
        return plane
    return np.asarray(
        cv2.resize(plane, (source.width, source.height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _small(frame: Any, colour: Colour, source: Video) -> Plane:
    """Y, Cb, Cr of full range at an eighth of the source's size, (3, height, width)."""
    width, height = (max(_LEAST_PX, size // _SMALLER) for size in (source.width, source.height))
    return small_planes(frame, colour, width, height)
