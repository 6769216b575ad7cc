"""How many frames a processed shot is late, by small grey pictures that are compared at each offset."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from finesight.schema.verdict import OFFSETS

_REACH = max(OFFSETS)
_FLAT = 1.0
"""Code values of deviation below which a picture has nothing by which it could be told from others."""
_CLEARLY, _AT_ALL = 0.8, 1e-4


class Lateness:
    """Takes the frames of a shot in pairs and says how unlike they are at each offset."""

    def __init__(self) -> None:
        self._source: deque[NDArray[np.float32]] = deque(maxlen=_REACH + 1)
        self._processed: deque[NDArray[np.float32]] = deque(maxlen=_REACH + 1)
        self._sums = dict.fromkeys(OFFSETS, 0.0)
        self._pairs = dict.fromkeys(OFFSETS, 0)
        self._strangest = 0.0

    def add(self, source: NDArray[np.uint8], processed: NDArray[np.uint8]) -> None:
        """Take the next frame of both, small grey pictures of one size."""
        self._source.append(_normal(source))
        self._processed.append(_normal(processed))
        for offset in OFFSETS:
            if len(self._source) > abs(offset):
                early = self._source[-1 - max(offset, 0)]
                late = self._processed[-1 - max(-offset, 0)]
                apart = float(np.mean(np.square(early - late)) / 2)
                self._sums[offset] += apart
                self._pairs[offset] += 1
                if offset == 0:
                    self._strangest = max(self._strangest, apart)

    def unlike(self) -> dict[int, float]:
        """Half the mean squared difference of pictures of mean 0 and deviation 1: 0 alike .. 2 inverse.

        By frames of lateness; an offset for which the shot is too short is not there.
        """
        return {o: round(self._sums[o] / pairs, 7) for o, pairs in self._pairs.items() if pairs}

    def strangest(self) -> float:
        """How unlike its source the one frame is that is most unlike it, 0 .. 2."""
        return round(self._strangest, 7)


def offset_of(unlike: Mapping[int, float]) -> int:
    """Frames by which a shot is late (less than 0: early).

    In a shot in which nothing moves all offsets look alike, so another one than 0 must be clearly better.
    """
    best = min(unlike, key=lambda offset: (unlike[offset], abs(offset)), default=0)
    if best == 0 or 0 not in unlike:
        return 0
    at_0 = unlike[0]
    return best if unlike[best] < _CLEARLY * at_0 and at_0 - unlike[best] > _AT_ALL else 0


def _normal(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture with mean 0 and deviation 1, that a change of brightness or contrast does not count."""
    values = grey.astype(np.float32)
    values -= values.mean()
    return np.asarray(values / max(float(values.std()), _FLAT), np.float32)
