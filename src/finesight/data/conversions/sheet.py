"""Four frames of a video as one picture, for a model reads one picture a prompt. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

FRAMES, CELL_PX = 4, 224
Rgb = NDArray[np.uint8]


def sheet_of(frames: Sequence[Rgb]) -> Rgb:
    """A square sheet of 2 x 2 frames, each squeezed into a square: all of its light is there, its shape is not.

    Of more than four those at even distances are taken; of fewer some are shown again.

    Raises:
        ValueError: no frame.
    """
    if not frames:
        raise ValueError("a sheet needs a frame")
    places = (round((len(frames) - 1) * n / (FRAMES - 1)) for n in range(FRAMES))
    cells = [_squeezed(frames[place]) for place in places]
    return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])


def frames_of(sheet: Rgb) -> list[Rgb]:
    """The four cells of a sheet."""
    height, width = (side // 2 for side in sheet.shape[:2])
    return [sheet[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]


def _squeezed(frame: Rgb) -> Rgb:
    smaller = frame.shape[0] * frame.shape[1] > CELL_PX**2
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (CELL_PX, CELL_PX), interpolation=how), np.uint8)
