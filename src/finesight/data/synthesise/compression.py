"""Block-transform compression, by really encoding and decoding."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from finesight.data.synthesise.region import Rgb
from finesight.errors import InputError
from finesight.schema.taxonomy import Severity

JPEG_QUALITY: dict[Severity, tuple[int, int]] = {
    Severity.MINOR: (18, 24),
    Severity.MODERATE: (9, 12),
    Severity.SEVERE: (3, 5),
}
"""Quality of the luma (libjpeg's 1..100, both ends included)."""

_CHROMA_BONUS = 6  # with the colour as starved as the luma a picture turns grey, which is another complaint


def compress(rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
    """The picture after a JPEG encoder with too few bits: 8 x 8 blocks, smeared colour."""
    low, high = JPEG_QUALITY[severity]
    quality = int(rng.integers(low, high + 1))
    options = [
        cv2.IMWRITE_JPEG_LUMA_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_CHROMA_QUALITY,
        quality + _CHROMA_BONUS,
    ]
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".jpg", bgr, options)
    decoded: Any = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if ok else None
    if decoded is None:
        raise InputError(f"cannot encode a picture of shape {rgb.shape} as JPEG")
    compressed: Rgb = decoded
    return compressed
