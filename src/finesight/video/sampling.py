"""Which frames of a shot are looked at: pure rules, and the bounded pool from which they choose."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from finesight.video.frames import Decoded
from finesight.video.settings import AnalysisSettings

SHORT_S, MEDIUM_S = 2.0, 10.0
POOL = 16
"""Frames of a shot that wait at a time to be chosen."""


def wanted(duration: float, settings: AnalysisSettings) -> int:
    """How many frames of a shot are looked at: by default 3 below 2 s, 5 up to 10 s, one more each 10 s up to 9."""
    if duration < SHORT_S:
        return settings.short_frames
    if duration <= MEDIUM_S:
        return settings.medium_frames
    longer = settings.medium_frames + ceil(duration / MEDIUM_S) - 1
    return max(settings.medium_frames, min(settings.long_frames, longer))


def evenly(times: Sequence[float], start: float, end: float, count: int) -> list[int]:
    """Indices of up to `count` times, those nearest to the middles of equal parts of start..end, in order."""
    left = set(range(len(times)))
    chosen = []
    for part in range(min(count, len(times))):
        middle = start + (part + 0.5) / count * (end - start)
        nearest = min(left, key=lambda i: (abs(times[i] - middle), i))
        left.remove(nearest)
        chosen.append(nearest)
    return sorted(chosen)


def farthest_first(times: Sequence[float], known: Sequence[float] = ()) -> list[int]:
    """All indices, each next one as far as can be in time from those before it and from what is known already.

    With nothing known the middle one is first. So every beginning of the list covers the whole as well as it can.
    """
    left = list(range(len(times)))
    order: list[int] = []
    seen = list(known)

    def distance(i: int) -> float:
        return min((abs(times[i] - time) for time in seen), default=-abs(i - len(times) // 2))

    while left:
        best = max(left, key=lambda i: (distance(i), -i))
        left.remove(best)
        order.append(best)
        seen.append(times[best])
    return order


class Pool:
    """Up to 16 frames of a shot of unknown length, evenly spread over what has been offered, and the two extremes.

    Times are put on a grid that doubles its step whenever there are too many: of each cell the first frame stays.
    """

    def __init__(self, start: float, step: float, capacity: int = POOL) -> None:
        """start: of the shot, seconds. step: the finest grid, seconds; that of frames keeps all of a few."""
        self._start, self._step, self._capacity = start, step, capacity
        self._kept: dict[int, Decoded] = {}
        self._darkest: tuple[float, Decoded] | None = None
        self._brightest: tuple[float, Decoded] | None = None

    def offer(self, frame: Decoded, brightness: float) -> None:
        """Take note of the next frame."""
        self._kept.setdefault(self._cell(frame), frame)
        while len(self._kept) > self._capacity:
            self._step *= 2
            spread: dict[int, Decoded] = {}
            for kept in self._kept.values():
                spread.setdefault(self._cell(kept), kept)
            self._kept = spread
        if self._darkest is None or brightness < self._darkest[0]:
            self._darkest = brightness, frame
        if self._brightest is None or brightness > self._brightest[0]:
            self._brightest = brightness, frame

    def _cell(self, frame: Decoded) -> int:
        return int((frame.time - self._start) / self._step + 1e-6)

    @property
    def frames(self) -> list[Decoded]:
        return list(self._kept.values())

    @property
    def extremes(self) -> list[Decoded]:
        """The darkest and the brightest frame, the first ones of their kind; one where they are the same."""
        both = [pair[1] for pair in (self._darkest, self._brightest) if pair]
        return list({frame.ordinal: frame for frame in both}.values())

    @property
    def held(self) -> int:
        """Frames that are alive here."""
        return len({frame.ordinal for frame in (*self.frames, *self.extremes)})
