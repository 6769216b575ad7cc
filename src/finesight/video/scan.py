"""The one pass over a video: cuts, brightness of all frames, and the frames of each shot that may be looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from finesight.schema.video import Shot, Video
from finesight.video.cuts import WARM_UP, CutFinder
from finesight.video.frames import Decoded, FrameReader, Pixels, thumbnail
from finesight.video.sampling import Pool, evenly, farthest_first, wanted
from finesight.video.settings import AnalysisSettings
from finesight.video.signals import Course


class ShotFrames(NamedTuple):
    """A shot that has ended: what its frames' brightness shows, and frames of it, each list the most telling first.

    regular: those that are to be looked at. spare: those for a second look.
    """

    shot: Shot
    signals: dict[str, float]
    regular: list[Decoded]
    spare: list[Decoded]


class Scan:
    """Iterates over the shots of a video as they end; `held` is the most frames that were alive here at a time."""

    def __init__(
        self, reader: FrameReader, video: Video, settings: AnalysisSettings, done: Shot | None = None
    ) -> None:
        """done: the last shot that is known already; frames up to its end are decoded and passed over."""
        self._reader, self._video, self._settings = reader, video, settings
        self._done = done
        self.held = 0

    def __iter__(self) -> Iterator[ShotFrames]:
        index, skip = (
            (self._done.index + 1, self._done.first_frame + self._done.frames) if self._done else (0, 0)
        )
        last_cut = (skip, self._done.end) if self._done else None
        finder = CutFinder(self._settings, self._video.rate, last_cut)
        waiting: deque[tuple[Decoded, Pixels]] = deque()
        shot: _Gathering | None = None
        for frame in self._reader:
            if frame.ordinal < skip - WARM_UP:
                continue
            small = self._small(frame)
            cut = finder.see(frame.ordinal, frame.time, small)
            if frame.ordinal >= skip:
                waiting.append((frame, small))
            if shot is None and waiting:
                shot = self._begin(index, waiting[0][0])
            while shot and waiting and (len(waiting) > finder.delay or cut is not None):
                if cut is not None and waiting[0][0].ordinal >= cut:
                    yield shot.end(waiting[0][0].time)
                    index, cut = index + 1, None
                    shot = self._begin(index, waiting[0][0])
                else:
                    shot.take(*waiting.popleft())
            self.held = max(self.held, len(waiting) + (shot.held if shot else 0))
        if shot:
            for frame, small in waiting:
                shot.take(frame, small)
            yield shot.end(self._reader.end)

    def _small(self, frame: Decoded) -> Pixels:
        return thumbnail(frame.frame, self._video.width, self._video.height)

    def _begin(self, index: int, first: Decoded) -> _Gathering:
        return _Gathering(index, first, self._video, self._settings)


class _Gathering:
    """The frames of a shot while it lasts; those near its ends wait outside the pool."""

    def __init__(self, index: int, first: Decoded, video: Video, settings: AnalysisSettings) -> None:
        self._index, self._first, self._settings = index, first, settings
        self._course = Course()
        self._pool = Pool(first.time, 1 / video.rate)
        self._head: list[tuple[Decoded, float]] = []
        self._tail: deque[tuple[Decoded, float]] = deque()
        self._count = 0

    @property
    def held(self) -> int:
        return len(self._head) + len(self._tail) + self._pool.held

    def take(self, frame: Decoded, small: Pixels) -> None:
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        self._course.add(grey)
        self._count += 1
        seen = frame, float(grey.mean())
        if len(self._head) < self._settings.margin:
            self._head.append(seen)
            return
        self._tail.append(seen)
        if len(self._tail) > self._settings.margin:
            self._pool.offer(*self._tail.popleft())

    def end(self, end: float) -> ShotFrames:
        if not self._pool.frames:  # shorter than both margins: better frames near a cut than none
            for seen in (*self._head, *self._tail):
                self._pool.offer(*seen)
        shot = Shot(
            index=self._index,
            start=self._first.time,
            end=max(end, self._first.time),
            first_frame=self._first.ordinal,
            frames=self._count,
        )
        regular, spare = choose(shot, self._pool, self._settings)
        return ShotFrames(shot, self._course.signals(), regular, spare)


def choose(shot: Shot, pool: Pool, settings: AnalysisSettings) -> tuple[list[Decoded], list[Decoded]]:
    """Frames of a pool that are to be looked at, and spare ones, each list the most telling first."""
    frames = pool.frames
    times = [frame.time for frame in frames]
    even = [frames[i] for i in evenly(times, shot.start, shot.end, wanted(shot.end - shot.start, settings))]
    regular = [even[i] for i in farthest_first([frame.time for frame in even])]
    taken = {frame.ordinal for frame in regular}
    if settings.extremes:
        regular += [frame for frame in pool.extremes if frame.ordinal not in taken]
        taken |= {frame.ordinal for frame in regular}
    rest = [frame for frame in frames if frame.ordinal not in taken]
    order = farthest_first([frame.time for frame in rest], [frame.time for frame in regular])
    return regular, [rest[i] for i in order[: settings.spare_frames]]
