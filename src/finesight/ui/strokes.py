"""Severity as the weight and style of a line: minor is thin and dashed, moderate solid, severe heavy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from PIL import ImageDraw

from finesight.schema.taxonomy import Severity
from finesight.ui.labels import Rect

_HALO = (0, 0, 0, 150)


class Stroke(NamedTuple):
    """Width of a line, and of the dark rim on both sides that keeps it visible on light ground; pixels."""

    width: int
    halo: int
    dashed: bool

    @property
    def reach(self) -> int:
        """The whole band the line takes."""
        return self.width + 2 * self.halo


_WEIGHTS = {Severity.MINOR: 0.13, Severity.MODERATE: 0.16, Severity.SEVERE: 0.32}


def stroke(severity: Severity, em: int) -> Stroke:
    """The line of a severity beside text of `em` pixels."""
    width = max(1, round(_WEIGHTS[severity] * em))
    return Stroke(width=width, halo=max(1, round(em * 0.06)), dashed=severity is Severity.MINOR)


def draw_frame(draw: ImageDraw.ImageDraw, rect: Rect, line: Stroke, colour: str) -> None:
    """A rectangle drawn along the inside of `rect`."""
    left, top, right, bottom = rect
    draw.rectangle((left, top, right - 1, bottom - 1), outline=_HALO, width=line.reach)
    near, far = line.halo, line.halo + line.width
    across, down = (left + near, right - near), (top + near, bottom - near)
    for y in (top + near, bottom - far):
        for start, stop in _pieces(*across, line):
            draw.rectangle((start, y, stop - 1, y + line.width - 1), fill=colour)
    for x in (left + near, right - far):
        for start, stop in _pieces(*down, line):
            draw.rectangle((x, start, x + line.width - 1, stop - 1), fill=colour)


def draw_sample(
    draw: ImageDraw.ImageDraw, left_middle: tuple[int, int], length: int, line: Stroke, colour: str
) -> None:
    """A level piece of line, as the key to a frame."""
    x, y = left_middle
    top = y - line.width // 2
    for start, stop in _pieces(x, x + length, line):
        draw.rectangle((start, top, stop - 1, top + line.width - 1), fill=colour)


def _pieces(start: int, end: int, line: Stroke) -> Iterator[tuple[int, int]]:
    """What is drawn between two ends: all of it, or dashes with a whole one at either end."""
    if end <= start:
        return
    dash, gap = 4 * line.width, 3 * line.width
    gaps = max(0, round((end - start - dash) / (dash + gap))) if line.dashed else 0
    pitch = (end - start - dash) / gaps if gaps else 0.0
    for index in range(gaps + 1):
        at = start + round(index * pitch)
        yield at, min(end, at + dash) if gaps else end
