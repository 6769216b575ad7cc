"""A picture's pixels in the frame that a model reads."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.model.resize import CELL_PX


def framed(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) pixels in another frame.

    A side that differs by less than a cell is cut or mirrored at its far end: resampling by a few per cent
    would soften noise and take blocks off their grid, which are what is to be seen.
    """
    if max(abs(rgb.shape[0] - height), abs(rgb.shape[1] - width)) < CELL_PX <= min(rgb.shape[:2]):
        cut = rgb[:height, :width]
        below, right = height - cut.shape[0], width - cut.shape[1]
        out = cv2.copyMakeBorder(cut, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    else:
        shrinking = width * height < rgb.shape[0] * rgb.shape[1]
        out = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    return np.asarray(out, dtype=np.uint8)
