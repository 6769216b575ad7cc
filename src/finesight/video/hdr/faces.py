"""Where faces are: by a detector whose weights come with scikit-image, or as a person says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.hdr import Face

Faces = Callable[[int, NDArray[np.uint8]], tuple[Face, ...]]
"""Number of a frame and its pixels, RGB, to the faces in it."""

_PX = 320
_LEAST, _MOST = 0.1, 0.9
"""Of the picture's shorter side: smaller faces do not decide, and are mostly not faces."""
_NEIGHBOURS = 6
_GIVEN: TypeAdapter[dict[int, tuple[Box, ...]]] = TypeAdapter(dict[int, tuple[Box, ...]])


def none(frame: int, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
    """For who wants faces left out."""
    return ()


def detected(frame: int, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
    """Frontal faces by local binary patterns (the cascade of scikit-image, trained by OpenCV's).

    It misses profiles and small faces, and sees one now and then where there is none; with `given` a better detector
    can be put in its place.

    Raises:
        InputError: scikit-image is not installed.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, _PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    side = min(size)
    least, most = max(24, round(_LEAST * side)), round(_MOST * side)
    if most <= least:
        return ()
    boxes = _cascade().detect_multi_scale(
        grey / 255.0, 1.15, 1, (least, least), (most, most), min_neighbor_number=_NEIGHBOURS
    )
    return tuple(Face(box=_box(one, size)) for one in sorted(boxes, key=lambda one: -one["width"]))


def given(path: Path) -> Faces:
    """The faces of a file: {"frame": [{"x1": ..., "y1": ..., "x2": ..., "y2": ...}]}, in thousandths of the picture.

    Raises:
        InputError: it cannot be read.
    """
    try:
        read = _GIVEN.validate_python(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read as faces ({told}); write boxes in thousandths by number of frame, "
            '{"12": [{"x1": 400, "y1": 100, "x2": 600, "y2": 400}]}'
        ) from error
    return lambda frame, rgb: _of(read, frame)


def _of(read: Mapping[int, tuple[Box, ...]], frame: int) -> tuple[Face, ...]:
    return tuple(Face(box=box) for box in read.get(frame, ()))


def _box(found: Mapping[str, int], size: tuple[int, int]) -> Box:
    x, y = found["c"], found["r"]
    return Box.from_pixels((x, y, x + found["width"], y + found["height"]), *size)


@cache
def _cascade() -> Any:
    try:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade
    except ImportError as error:
        raise InputError(
            "scikit-image, whose face detector is used, is not installed: pip install 'finesight[video]', "
            "or give the faces (--faces FILE), or leave them out (--faces none)"
        ) from error
    return Cascade(lbp_frontal_face_cascade_filename())
