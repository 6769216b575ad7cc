"""A picture larger than a model takes: a look at the whole, and at parts in their own pixels; one answer of both.

Shrinking averages grain and block edges away, so what lives in single pixels is looked for where they still are.
All else (blur, exposure, flat patches, content, which is KEY) is a matter of the whole: a part that a lens leaves
soft on purpose says nothing about the picture. The rules of `merged` are plain and hold for any model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import mean
from typing import NamedTuple

import numpy as np

from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level

MOST_CROPS = 6
LARGER = 1.5
"""A picture of at most this many times the area a model takes is not cropped."""
FINE = frozenset(
    {
        DistortionType.NOISE,
        DistortionType.BLOCKING_ARTIFACTS,
        DistortionType.EDGE_ALIASING_EFFECT,
        DistortionType.EDGE_RINGING_EFFECT,
    }
)
"""Types that live in single pixels: crops are asked for these alone."""
AGREEING = 1 / 3
"""A fine type is in the picture where this share of its crops has it."""
NEAR_EDGE = 30
"""Thousandths of a crop: a box that comes this near to its edge goes on beyond it."""


class Window(NamedTuple):
    """Pixels of a picture, right and bottom exclusive: `crop` is looked at and speaks for `cell` around it."""

    crop: tuple[int, int, int, int]
    cell: tuple[int, int, int, int]


def windows(width: int, height: int, most_pixels: int) -> list[Window]:
    """Up to MOST_CROPS windows of at most `most_pixels` each, in reading order; none for a small picture.

    The cells tile the picture in the grid whose cells are nearest to squares; a crop is the middle of its cell.
    """
    if width * height <= LARGER * most_pixels:
        return []
    wanted = min(MOST_CROPS, math.ceil(width * height / most_pixels))
    columns, rows = min(
        ((c, wanted // c) for c in range(1, wanted + 1)),
        key=lambda grid: (abs(math.log(width * grid[1] / (height * grid[0]))), -grid[0] * grid[1]),
    )
    side = math.isqrt(most_pixels)
    return [
        _window(
            (width * x // columns, height * y // rows, width * (x + 1) // columns, height * (y + 1) // rows),
            side,
        )
        for y in range(rows)
        for x in range(columns)
    ]


def _window(cell: tuple[int, int, int, int], side: int) -> Window:
    x1, y1, x2, y2 = cell
    w, h = min(side, x2 - x1), min(side, y2 - y1)
    x, y = (x1 + x2 - w) // 2, (y1 + y2 - h) // 2
    return Window((x, y, x + w, y + h), cell)


def cropped(picture: Picture, window: Window) -> Picture:
    """The pixels of a crop, as a picture of its own."""
    x1, y1, x2, y2 = window.crop
    return Picture(picture.path, np.ascontiguousarray(picture.rgb[y1:y2, x1:x2]), picture.sha256)


def merged(whole: Outcome, parts: Sequence[tuple[Window, Outcome]]) -> Outcome:
    """One outcome of the whole and its crops, in the frame of the whole.

    1. What the whole says stays.
    2. A fine type that the whole does not name is added where a third of the readable crops, two at least, have it.
       Its boxes are those of the crops, in the whole's frame; a box at the edge of a crop goes on to the edge of its
       cell, and boxes that touch become one. Severity is that of the largest area, confidence the mean.
    3. With an added type the score falls to the mean of the crops that have it, if that is lower, and the level
       with it. Without any finding in the whole, the worst added one is KEY.

    An outcome of the whole without a diagnosis is left as it is.
    """
    if whole.diagnosis is None or not whole.width or not whole.height:
        return whole
    read = [(window, outcome) for window, outcome in parts if outcome.diagnosis is not None]
    missing = FINE - {finding.type for finding in whole.diagnosis.findings}
    added: list[Finding] = []
    scores: list[float] = []
    for kind in sorted(missing, key=list(DistortionType).index):
        having = [(w, o) for w, o in read if _of(o, kind)]
        if len(having) < max(min(2, len(read)), AGREEING * len(read)) or not having:
            continue
        placed = [_placed(f, w, whole.width, whole.height) for w, o in having for f in _of(o, kind)]
        added += _united(placed)
        scores += [o.score for _, o in having if o.score is not None]
    if not added:
        return whole
    return _with(whole, whole.diagnosis, added, scores)


def _of(outcome: Outcome, kind: DistortionType) -> list[Finding]:
    return [f for f in outcome.diagnosis.findings if f.type is kind] if outcome.diagnosis else []


def _placed(finding: Finding, window: Window, width: int, height: int) -> Finding:
    """A finding of a crop in the frame of the whole."""
    x1, y1, x2, y2 = window.crop
    left, top, right, bottom = finding.box.to_pixels(x2 - x1, y2 - y1)
    box, cell = finding.box, window.cell
    pixels = (
        cell[0] if box.x1 <= NEAR_EDGE else x1 + left,
        cell[1] if box.y1 <= NEAR_EDGE else y1 + top,
        cell[2] if box.x2 >= SCALE - NEAR_EDGE else x1 + right,
        cell[3] if box.y2 >= SCALE - NEAR_EDGE else y1 + bottom,
    )
    return finding.model_copy(update={"box": Box.from_pixels(pixels, width, height), "key": False})


def _united(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of one type as groups whose hulls do not touch, each group as one finding."""
    groups = [[finding] for finding in findings]
    apart = 0
    while apart < len(groups):
        hull = _hull(groups[apart])
        near = [g for g in groups[apart + 1 :] if _touch(hull, _hull(g))]
        if near:
            groups = [g for g in groups if g not in near]
            groups[apart] = [*groups[apart], *(f for g in near for f in g)]
            apart = 0  # a larger hull may touch what was apart
        else:
            apart += 1
    return [_one(group) for group in groups]


def _touch(a: Box, b: Box) -> bool:
    return a.x1 <= b.x2 and b.x1 <= a.x2 and a.y1 <= b.y2 and b.y1 <= a.y2


def _hull(group: Sequence[Finding]) -> Box:
    x1, y1, x2, y2 = zip(*(f.box.xyxy for f in group), strict=True)
    return Box.of(min(x1), min(y1), max(x2), max(y2))


def _one(group: Sequence[Finding]) -> Finding:
    ranked = sorted(group, key=lambda f: f.severity.rank)
    areas = {s: sum(f.box.area for f in same) for s, same in groupby(ranked, lambda f: f.severity)}
    sure = [f.confidence for f in group if f.confidence is not None]
    return Finding(
        type=group[0].type,
        severity=max(areas, key=lambda s: (areas[s], s.rank)),
        box=_hull(group),
        confidence=mean(sure) if sure else None,
    )


def _with(whole: Outcome, said: Diagnosis, added: Sequence[Finding], scores: Sequence[float]) -> Outcome:
    if not said.findings:
        worst = max(added, key=lambda f: (f.severity.rank, f.box.area))
        added = [f.model_copy(update={"key": f is worst}) for f in added]
    score, level = whole.score, said.level
    if score is not None and scores and mean(scores) < score:
        score = mean(scores)
        at_most = list(Level)[max(0, min(len(Level), round(score)) - 1)]
        level = min(level or at_most, at_most, key=lambda one: one.rank)
    diagnosis = Diagnosis(content=said.content, findings=(*said.findings, *added), level=level)
    named = {finding.type for finding in added}
    suspected = tuple(f for f in whole.suspected if f.type not in named)
    return whole.model_copy(update={"diagnosis": diagnosis, "suspected": suspected, "score": score})
