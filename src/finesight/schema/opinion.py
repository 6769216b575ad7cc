"""What the distortions of a picture do to its quality: significance of each, and the mean opinion score.

A model of our own, not fitted to people: the penalty of a distortion is type weight x severity x extent x
place, penalties add up, and the score falls exponentially with their sum. It keeps what matters for learning:
the key distortion and the level follow from what can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, hypot, sqrt

from finesight.schema.box import SCALE, Box
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

TYPE_WEIGHTS: dict[T, float] = {
    T.LOW_CLARITY: 1.0,
    T.MOTION_BLUR: 1.15,
    T.OUT_OF_FOCUS_BLUR: 1.05,
    T.BLOCKING_ARTIFACTS: 0.95,
    T.EDGE_ALIASING_EFFECT: 0.8,
    T.EDGE_RINGING_EFFECT: 0.75,
    T.OVEREXPOSURE: 1.0,
    T.UNDEREXPOSURE: 0.9,
    T.MEANINGLESS_SOLID_COLOR: 0.85,
    T.NOISE: 0.9,
}
SEVERITY_WEIGHTS: dict[Severity, float] = {Severity.MINOR: 0.35, Severity.MODERATE: 0.8, Severity.SEVERE: 1.5}

BEST_MOS = 4.8
"""Score of a picture without distortions, on 1..5: people seldom give full marks."""

TOLERANCE = 1.9
"""Sum of penalties at which the score has lost 63 % of its way to 1."""


def penalty(kind: T, severity: Severity, box: Box) -> float:
    """How much one distortion weighs, > 0; a severe one over a whole picture is about 1.5."""
    extent = 0.2 + 0.8 * sqrt(box.area)
    place = 0.7 + 0.3 * centrality(box)
    return TYPE_WEIGHTS[kind] * SEVERITY_WEIGHTS[severity] * extent * place


def significance(kind: T, severity: Severity, box: Box) -> float:
    """The penalty in hundredths with three decimals: ties are rare, the highest is the KEY distortion."""
    return round(100 * penalty(kind, severity, box), 3)


def mean_opinion_score(penalties: Iterable[float], tolerance: float = TOLERANCE) -> float:
    """Score on 1..5 of a picture with these penalties; every further one lowers it."""
    return 1 + (BEST_MOS - 1) * exp(-sum(penalties) / tolerance)


def centrality(box: Box) -> float:
    """1 for a box around the middle of the picture, 0 for one in a corner."""
    x, y = (box.x1 + box.x2) / 2 / SCALE - 0.5, (box.y1 + box.y2) / 2 / SCALE - 0.5
    return 1 - hypot(x, y) / hypot(0.5, 0.5)
