"""Words for an annotated distortion: how it shows, what it costs the viewer."""

from __future__ import annotations

from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

MANIFESTATIONS: dict[T, str] = {
    T.LOW_CLARITY: "fine detail is washed out and contrast is weak",
    T.MOTION_BLUR: "edges are smeared along one direction",
    T.OUT_OF_FOCUS_BLUR: "edges are spread evenly and bright points swell into discs",
    T.BLOCKING_ARTIFACTS: "square blocks and false steps appear in smooth areas",
    T.EDGE_ALIASING_EFFECT: "slanting edges break into stairs",
    T.EDGE_RINGING_EFFECT: "halos and ripples run along edges",
    T.OVEREXPOSURE: "highlights are blown out and detail fades to white",
    T.UNDEREXPOSURE: "shadows sink into black and detail is hard to see",
    T.MEANINGLESS_SOLID_COLOR: "a flat area of one color carries no content",
    T.NOISE: "grain covers surfaces that should be smooth",
}
_DEGREES = {Severity.MINOR: "Slightly", Severity.MODERATE: "Clearly", Severity.SEVERE: "Strongly"}
_IMPACTS = {
    Severity.MINOR: "It is noticed on a closer look and hardly disturbs.",
    Severity.MODERATE: "It is noticed at once and disturbs viewing.",
    Severity.SEVERE: "It dominates the area and hides its content.",
}


def manifestation(kind: T, severity: Severity) -> str:
    """How the distortion shows, one sentence."""
    return f"{_DEGREES[severity]} visible: {MANIFESTATIONS[kind]}."


def impact(severity: Severity) -> str:
    """What it costs the viewer, one sentence."""
    return _IMPACTS[severity]
