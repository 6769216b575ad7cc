"""A contact sheet: the first images of a set with their boxes, names and severities drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from finesight.data.synthesise.region import Rgb
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

COLORS: dict[T, tuple[int, int, int]] = {
    T.LOW_CLARITY: (80, 160, 255),
    T.MOTION_BLUR: (0, 90, 220),
    T.OUT_OF_FOCUS_BLUR: (0, 210, 210),
    T.BLOCKING_ARTIFACTS: (230, 60, 230),
    T.EDGE_ALIASING_EFFECT: (150, 60, 200),
    T.EDGE_RINGING_EFFECT: (255, 140, 200),
    T.OVEREXPOSURE: (255, 220, 40),
    T.UNDEREXPOSURE: (180, 120, 40),
    T.MEANINGLESS_SOLID_COLOR: (60, 200, 60),
    T.NOISE: (240, 70, 40),
}
"""Red, green, blue."""

_THICKNESS = {Severity.MINOR: 1, Severity.MODERATE: 2, Severity.SEVERE: 3}
_COLUMNS = 4
_CELL_PX = 420
_CAPTION_PX = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def contact_sheet(items: Sequence[tuple[Rgb, Annotation]]) -> Rgb:
    """One picture of all items, four in a row, each at most 420 pixels a side, its level below it."""
    cells = [_cell(rgb, annotation) for rgb, annotation in items]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    return np.vstack(rows)


def _cell(rgb: Rgb, annotation: Annotation) -> Rgb:
    scale = _CELL_PX / max(rgb.shape[:2])
    width, height = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    picture = cv2.resize(
        rgb, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    for distortion in reversed(annotation.distortions):  # the most significant on top
        _draw(picture, distortion, key=distortion in annotation.keys)
    cell = np.full((_CELL_PX + _CAPTION_PX, _CELL_PX, 3), 255, np.uint8)
    cell[:height, :width] = picture
    caption = f"{annotation.image}  {annotation.level.value}  {annotation.mos:.2f}"
    cv2.putText(cell, caption, (4, _CELL_PX + 15), _FONT, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def _draw(picture: Rgb, distortion: Distortion, key: bool) -> None:
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (round(v) for v in distortion.box.to_pixels(width, height))
    color, thickness = COLORS[distortion.type], _THICKNESS[distortion.severity]
    cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), color, thickness)
    text = f"{'KEY ' if key else ''}{distortion.severity.value} {distortion.type.value.lower()}"
    (w, h), _ = cv2.getTextSize(text, _FONT, 0.36, 1)
    left, bottom = max(0, min(x1, width - w - 2)), max(h + 4, min(y1 + h + 4, height))
    cv2.rectangle(picture, (left, bottom - h - 4), (left + w + 2, bottom), color, cv2.FILLED)
    cv2.putText(picture, text, (left + 1, bottom - 3), _FONT, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
