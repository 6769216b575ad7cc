"""The ten distortions: how each is made, where it shows, and in which order they reach a picture.

`DISTORTIONS` is the extension point: a row here, a test, a row in docs/synthesis.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finesight.data.synthesise import compression, edges, exposure, noise, optics, scene
from finesight.data.synthesise.region import Rgb
from finesight.data.synthesise.scene import Grid, Scene
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

Apply = Callable[[Rgb, Severity, np.random.Generator, float], Rgb]
"""(rgb of the window, severity, generator, diagonal of the whole image in pixels) -> rgb of the same shape."""


@dataclass(frozen=True)
class Distorter:
    """One distortion.

    apply: makes it. visibility: where it would be seen, 0..1 a cell. floors: least root-mean-square change of
    its window in code values, for minor, moderate and severe; with less the label would not be true.
    """

    apply: Apply
    visibility: Callable[[Scene], Grid]
    floors: tuple[float, float, float]


DISTORTIONS: dict[T, Distorter] = {
    T.OUT_OF_FOCUS_BLUR: Distorter(optics.defocus, scene.by_edges, (4.0, 7.0, 11.0)),
    T.MOTION_BLUR: Distorter(optics.motion_blur, scene.by_edges, (4.0, 7.0, 11.0)),
    T.LOW_CLARITY: Distorter(optics.low_clarity, scene.by_edges, (4.0, 9.0, 15.0)),
    T.OVEREXPOSURE: Distorter(exposure.overexpose, scene.by_mid_tones, (15.0, 30.0, 45.0)),
    T.UNDEREXPOSURE: Distorter(exposure.underexpose, scene.by_light, (15.0, 30.0, 45.0)),
    T.MEANINGLESS_SOLID_COLOR: Distorter(exposure.solid_color, scene.anywhere, (15.0, 15.0, 15.0)),
    T.EDGE_ALIASING_EFFECT: Distorter(edges.alias, scene.by_edges, (6.0, 9.0, 13.0)),
    T.EDGE_RINGING_EFFECT: Distorter(edges.ring, scene.by_edges, (5.0, 8.0, 12.0)),
    T.NOISE: Distorter(noise.add_noise, scene.by_headroom, (5.0, 11.0, 22.0)),
    T.BLOCKING_ARTIFACTS: Distorter(compression.compress, scene.by_headroom, (2.5, 4.0, 7.0)),
}
"""In the order of application: lens and motion, light, surfaces, resampling and sharpening, sensor, encoder."""
