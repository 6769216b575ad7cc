"""A conversion as a table that ffmpeg and every grading tool reads: from SDR code values to those of HDR10. Pure.

References: ITU-R BT.2087-0 (matrix), Adobe's Cube LUT specification 1.0.
"""

from __future__ import annotations

import numpy as np

from finesight.data.light import GAMMA, LUMINANCE_709
from finesight.video.hdr.curves import Floats, Preset
from finesight.video.hdr.pq import pq_of_nits

SIZE = 33
_TO_2020 = np.array(
    [[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]
)


def nits(preset: Preset, rgb: Floats) -> Floats:
    """Nits of each colour, BT.2020, of SDR code values 0..1, BT.709, (..., 3).

    All colours of a pixel grow by the same factor, that of its luminance, so that its hue stays.
    """
    light = np.clip(rgb, 0, 1) ** GAMMA
    luminance = light @ np.array(LUMINANCE_709)
    factor = preset.curve(luminance) / np.maximum(luminance, 1e-9)
    return np.asarray((light * factor[..., None]) @ _TO_2020.T, np.float64)


def table(preset: Preset, size: int = SIZE) -> Floats:
    """PQ signals at the nodes of a cube, (size, size, size, 3) by blue, green and red."""
    axis = np.linspace(0, 1, size)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return pq_of_nits(nits(preset, np.stack([red, green, blue], -1)))


def cube(preset: Preset, size: int = SIZE) -> str:
    """The table as a .cube file, red fastest."""
    rows = "\n".join(f"{r:.7f} {g:.7f} {b:.7f}" for r, g, b in table(preset, size).reshape(-1, 3))
    return (
        f'TITLE "finesight {preset.name}: BT.709, BT.1886 to BT.2020, PQ"\n'
        f"LUT_3D_SIZE {size}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{rows}\n"
    )
