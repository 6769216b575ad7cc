"""The conversions there are: how many nits an HDR screen shows for the light of an SDR one. Pure.

`PRESETS` is the extension point: a row here, a test, a row in docs/hdr.md.

References: ITU-R BT.2408-7 (an SDR white is placed at 203 nits), ITU-R BT.2446-1 (method A, its expansion in section
4.2), ITU-R BT.2087-0 (BT.709 to BT.2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.data.light import GAMMA

WHITE_NITS = 203.0
_KNEE = 0.5

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]
"""Light 0..1 to nits."""


class Preset(NamedTuple):
    """A conversion. peak: nits of SDR white; says: what it does."""

    name: str
    peak: float
    curve: Curve
    says: str


def placed(light: Floats) -> Floats:
    """SDR as it is, on an HDR screen."""
    return WHITE_NITS * light


def expanded(peak: float) -> Curve:
    """Light up to one half as it is; above, a slope that grows smoothly until white is at `peak` nits."""

    def curve(light: Floats) -> Floats:
        above = np.clip((light - _KNEE) / (1 - _KNEE), 0, None)
        return WHITE_NITS * light + (peak - WHITE_NITS) * above**2

    return curve


def bt2446a(light: Floats) -> Floats:
    """The expansion of BT.2446 method A: luma to the power of an exponent that depends on it, white at 1000 nits."""
    luma = 255 * np.asarray(light, np.float64) ** (1 / GAMMA)
    low = 1.8712e-5 * luma**2 - 2.7334e-3 * luma + 1.3141
    high = 2.8305e-6 * luma**2 - 7.4622e-4 * luma + 1.2528
    return np.asarray(luma ** np.where(luma <= 70, low, high), np.float64)


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("place", WHITE_NITS, placed, "as on an SDR screen, white at 203 nits"),
        Preset("expand600", 600.0, expanded(600.0), "highlights up to 600 nits, all else as it is"),
        Preset("expand1000", 1000.0, expanded(1000.0), "highlights up to 1000 nits, all else as it is"),
        Preset("bt2446a", 1000.0, bt2446a, "the whole range stretched to 1000 nits (BT.2446 method A)"),
    )
}


def lifted(preset: Preset, light: float) -> float:
    """Stops by which a conversion makes some light brighter than it would be placed."""
    before, after = placed(np.array(light)), preset.curve(np.array(light))
    return float(np.log2((after + 1e-3) / (before + 1e-3)))
