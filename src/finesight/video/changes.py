"""How the frames of a shot differ from the source's: lateness, colour, brightness, detail, flicker, combs."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.schema.verdict import Change
from finesight.video.lateness import Lateness
from finesight.video.signals import Course, combing

Plane = NDArray[np.uint8]

_CELL_PX, _STRONGEST = 16, 0.75
_FINE, _COARSE = 1.0, 3.0
_LEAST_PX = 16
_TINY = 1e-9


class Seen(NamedTuple):
    """A frame. luma: full resolution, None where this frame is not measured at it. small: Y, Cb, Cr of 1/8 size.

    All uint8, luma 0..255, (height, width) and (3, height, width); time in seconds.
    """

    time: float
    luma: Plane | None
    small: Plane


class Changes:
    """Takes the frames of a shot in pairs of one size, and sums up how they differ."""

    def __init__(self) -> None:
        self._lateness = Lateness()
        self._courses = Course(), Course()
        self._frames = self._measured = 0
        self._jitter = 0.0
        self._colour = self._brightness = 0.0
        self._light = np.zeros(2)
        self._fine = np.zeros(2)
        self._combs = np.zeros(2)

    @property
    def frames(self) -> int:
        """Pairs taken so far."""
        return self._frames

    def add(self, source: Seen, processed: Seen) -> None:
        """Take the next frame of both."""
        self._frames += 1
        self._jitter = max(self._jitter, abs(source.time - processed.time))
        self._lateness.add(source.small[0], processed.small[0])
        for course, seen in zip(self._courses, (source, processed), strict=True):
            course.add(seen.small[0])
        apart = np.square(source.small.astype(np.float32) - processed.small)
        self._brightness += float(apart[0].mean())
        self._colour += float((apart[1] + apart[2]).mean())
        self._light += np.median(source.small[0]), np.median(processed.small[0])
        if source.luma is not None and processed.luma is not None:
            self._measured += 1
            self._fine += detail(source.luma, processed.luma)
            self._combs += combing(source.luma), combing(processed.luma)

    def sum(self) -> Change:
        """What all frames so far come to."""
        flickers = [course.signals()["flicker"] for course in self._courses]
        combs = self._combs / max(self._measured, 1)
        light = self._light / (255 * max(self._frames, 1))
        return Change(
            frames=self._frames,
            jitter=round(self._jitter, 6),
            unlike=self._lateness.unlike(),
            strangest=self._lateness.strangest(),
            colour=round(float(np.sqrt(self._colour / max(self._frames, 1))), 4),
            brightness=round(float(np.sqrt(self._brightness / max(self._frames, 1))), 4),
            light=(round(float(light[0]), 4), round(float(light[1]), 4)),
            detail=round(_ratio(self._fine), 4),
            flicker=(flickers[0], flickers[1]),
            combing=(round(float(combs[0]), 5), round(float(combs[1]), 5)),
        )


def detail(source: Plane, processed: Plane) -> tuple[float, float]:
    """Energy of fine structure of two frames of one size, where the source has most of it.

    The band is that between blurs of 1 and of 3 px, in which edges outweigh noise, over the quarter of the cells of
    16 x 16 px in which the source is strongest. A frame below 16 px has none: (0, 0).
    """
    if min(source.shape) < _LEAST_PX:
        return 0.0, 0.0
    before, after = (_cells(np.square(_band(plane))) for plane in (source, processed))
    strong = before >= np.quantile(before, _STRONGEST)
    return float(before[strong].mean()), float(after[strong].mean())


def _band(plane: Plane) -> NDArray[np.float32]:
    values = plane.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), _FINE) - cv2.GaussianBlur(values, (0, 0), _COARSE))


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (size // _CELL_PX for size in values.shape)
    whole = values[: rows * _CELL_PX, : columns * _CELL_PX]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))


def _ratio(energies: NDArray[np.float64]) -> float:
    """Strength of the second over that of the first; 1 where neither has any."""
    before, after = energies + _TINY
    return float(np.sqrt(after / before))
