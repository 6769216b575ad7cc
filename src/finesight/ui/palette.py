"""Colours by meaning, the same in overlays, reports and terminals.

The ten type colours start from the set of Okabe & Ito (2008), moved apart until the closest two differ by a
CIEDE2000 of 21, and of 9 as protanopes and deuteranopes see them (Machado et al. 2009). A number and a name
stand beside each colour all the same. Levels use ColorBrewer's RdYlBu, which is safe for both.
"""

from __future__ import annotations

from finesight.schema.taxonomy import DistortionType, Level

TYPE_COLOURS: dict[DistortionType, str] = {
    DistortionType.LOW_CLARITY: "#83bae5",
    DistortionType.MOTION_BLUR: "#2f74c8",
    DistortionType.OUT_OF_FOCUS_BLUR: "#4fa884",
    DistortionType.BLOCKING_ARTIFACTS: "#e96535",
    DistortionType.EDGE_ALIASING_EFFECT: "#feac00",
    DistortionType.EDGE_RINGING_EFFECT: "#b3505f",
    DistortionType.OVEREXPOSURE: "#ebf284",
    DistortionType.UNDEREXPOSURE: "#a479ff",
    DistortionType.MEANINGLESS_SOLID_COLOR: "#e6dce4",
    DistortionType.NOISE: "#ff71c2",
}

LEVEL_COLOURS: dict[Level, str] = {
    Level.BAD: "#d73027",
    Level.POOR: "#fc8d59",
    Level.FAIR: "#fee090",
    Level.GOOD: "#91bfdb",
    Level.EXCELLENT: "#4575b4",
}


def rgb(colour: str) -> tuple[int, int, int]:
    """The 0..255 channels of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0..1 (WCAG 2.1)."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: str) -> str:
    """Black or white, whichever contrasts more with `colour` (the WCAG ratios meet at luminance 0.179)."""
    return "#000000" if luminance(colour) > 0.179 else "#ffffff"
