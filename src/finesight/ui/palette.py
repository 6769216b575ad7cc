"""Colours by meaning, the same in overlays, reports and terminals.

The ten type colours are picked from the colour-blind-safe sets of Okabe & Ito (2008) and Tol (2021, "bright",
"vibrant" and "muted"), one family of hues per group. Ten cannot all stay apart for every eye, so a number and
a name stand beside each colour wherever it is used. Levels use ColorBrewer's RdYlBu, which is safe.
"""

from __future__ import annotations

from finesight.schema.taxonomy import DistortionType, Level

TYPE_COLOURS: dict[DistortionType, str] = {
    DistortionType.LOW_CLARITY: "#56b4e9",
    DistortionType.MOTION_BLUR: "#2166d1",
    DistortionType.OUT_OF_FOCUS_BLUR: "#00a58a",
    DistortionType.BLOCKING_ARTIFACTS: "#d55e00",
    DistortionType.EDGE_ALIASING_EFFECT: "#f5a300",
    DistortionType.EDGE_RINGING_EFFECT: "#a5673f",
    DistortionType.OVEREXPOSURE: "#f7ec4f",
    DistortionType.UNDEREXPOSURE: "#8a5cf0",
    DistortionType.MEANINGLESS_SOLID_COLOR: "#bdbdbd",
    DistortionType.NOISE: "#f0479c",
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
