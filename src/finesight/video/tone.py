"""HDR pixels as an SDR screen would show them, so that a model which has seen SDR pictures can judge them.

Diffuse white, 203 nits in ITU-R BT.2408, becomes nearly the brightest; what is above is rolled off up to 1000 nits.
References: SMPTE ST 2084 and ITU-R BT.2100 (curves), ITU-R BT.2087 (BT.2020 to BT.709); the roll-off is E. Reinhard
et al., "Photographic tone reproduction for digital images", SIGGRAPH 2002, equation 4, on the largest of the colours.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from finesight.video.hdr.pq import nits_of_pq

WHITE_NITS, PEAK_NITS = 203.0, 1000.0
_GAMMA = 2.2
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_sdr(rgb: NDArray[np.uint16], transfer: str) -> NDArray[np.uint8]:
    """Pixels for an SDR screen, uint8 (height, width, 3).

    Args:
        rgb: BT.2020 signal, full range 0..65535, (height, width, 3). transfer: smpte2084 or arib-std-b67.
    """
    linear = nits_of_code(transfer)[rgb] / np.float32(WHITE_NITS)
    if (
        transfer == "arib-std-b67"
    ):  # HLG is light of the scene; a screen of 1000 nits adds its gamma (BT.2100)
        luminance = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        linear = linear * (luminance * WHITE_NITS / PEAK_NITS)[..., None] ** np.float32(0.2)
    narrow = np.maximum(linear @ _TO_709.T, 0)
    top = narrow.max(axis=2, keepdims=True)
    peak = np.float32(PEAK_NITS / WHITE_NITS)
    rolled = top * (1 + top / peak**2) / (1 + top)
    # Reinhard's curve halves white; scaled so that diffuse white lands just below the top, as it does in SDR.
    bright = rolled / np.maximum(top, 1e-6) * np.float32(1 / _curve(1.0, float(peak)) * 0.9)
    shown = np.clip(narrow * bright, 0, 1) ** np.float32(1 / _GAMMA)
    return np.asarray(np.rint(shown * 255), np.uint8)


def _curve(value: float, peak: float) -> float:
    return value * (1 + value / peak**2) / (1 + value)


@cache
def nits_of_code(transfer: str) -> NDArray[np.float32]:
    """Nits of each code 0..65535 (of HLG: scene light, 1000 at the top)."""
    signal = np.arange(65536, dtype=np.float64) / 65535
    if transfer == "smpte2084":
        return np.asarray(nits_of_pq(signal), np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(scene * PEAK_NITS, np.float32)
