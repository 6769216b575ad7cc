"""The ten distortions: how each is made, where it shows, and in which order they reach a picture.

`DISTORTIONS` is the extension point: a row here, a test, a row in docs/synthesis.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import cv2
import numpy as np

from finesight.data.synthesise import compression, edges, exposure, noise, optics, scene
from finesight.data.synthesise.region import Rgb
from finesight.data.synthesise.scene import Grid, Scene
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

Apply = Callable[[Rgb, Severity, np.random.Generator, float], Rgb]
"""(rgb of the window, severity, generator, diagonal of the whole image in pixels) -> rgb of that shape."""


@dataclass(frozen=True)
class Distorter:
    """One distortion.

    apply: makes it. visibility: where it would be seen, 0..1 a cell. change: how far it moved the pixels, in
    code values. floors: least change for minor, moderate and severe; with less the label would not be true.
    """

    apply: Apply
    visibility: Callable[[Scene], Grid]
    change: Callable[[Rgb, Rgb], float]
    floors: tuple[float, float, float]


def total_change(before: Rgb, after: Rgb) -> float:
    """Root-mean-square difference of the pixels."""
    distance: float = cv2.norm(before, after, cv2.NORM_L2)
    return distance / sqrt(before.size)


def detail_change(before: Rgb, after: Rgb) -> float:
    """Root-mean-square difference without what the means moved: a mere shift of tone does not count."""
    shift = np.subtract(cv2.mean(after)[:3], cv2.mean(before)[:3])
    return float(np.sqrt(max(0.0, total_change(before, after) ** 2 - np.mean(shift**2))))


_LOSS, _DETAIL, _TOTAL = (4.0, 7.0, 11.0), detail_change, total_change

DISTORTIONS: dict[T, Distorter] = {
    T.OUT_OF_FOCUS_BLUR: Distorter(optics.defocus, scene.by_edges, _DETAIL, _LOSS),
    T.MOTION_BLUR: Distorter(optics.motion_blur, scene.by_edges, _DETAIL, _LOSS),
    T.LOW_CLARITY: Distorter(optics.low_clarity, scene.by_edges, _DETAIL, _LOSS),
    T.OVEREXPOSURE: Distorter(exposure.overexpose, scene.by_mid_tones, _TOTAL, (15.0, 30.0, 45.0)),
    T.UNDEREXPOSURE: Distorter(exposure.underexpose, scene.by_light, _TOTAL, (15.0, 30.0, 45.0)),
    T.MEANINGLESS_SOLID_COLOR: Distorter(exposure.solid_color, scene.anywhere, _TOTAL, (25.0, 25.0, 25.0)),
    T.EDGE_ALIASING_EFFECT: Distorter(edges.alias, scene.by_edges, _DETAIL, (6.0, 9.0, 13.0)),
    T.EDGE_RINGING_EFFECT: Distorter(edges.ring, scene.by_edges, _DETAIL, (5.0, 8.0, 12.0)),
    T.NOISE: Distorter(noise.add_noise, scene.by_headroom, _DETAIL, (5.0, 11.0, 22.0)),
    T.BLOCKING_ARTIFACTS: Distorter(compression.compress, scene.by_texture, _DETAIL, (2.5, 4.0, 7.0)),
}
"""In the order of application: lens, motion, light, surfaces, resampling and sharpening, sensor, encoder."""
