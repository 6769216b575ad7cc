"""HDR to SDR for the model's eyes: the curves by their published points, and what becomes of white."""

from __future__ import annotations

import numpy as np
import pytest

from finesight.video.tone import nits_of_code, to_sdr


@pytest.mark.parametrize(
    ("signal", "nits"), [(0, 0), (0.5081, 100), (0.5807, 203), (0.7518, 1000), (1, 10_000)]
)
def test_pq_signals_are_the_nits_of_bt_2100(signal: float, nits: float) -> None:
    found = nits_of_code("smpte2084")[round(signal * 65535)]
    assert found == pytest.approx(nits, rel=0.002, abs=1e-6)


@pytest.mark.parametrize(("signal", "scene"), [(0, 0), (0.5, 1 / 12), (1, 1)])
def test_hlg_codes_are_the_scene_light_of_bt_2100(signal: float, scene: float) -> None:
    assert nits_of_code("arib-std-b67")[round(signal * 65535)] == pytest.approx(
        scene * 1000, rel=1e-3, abs=1e-3
    )


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.5807), ("arib-std-b67", 0.75)])
def test_greys_stay_grey_in_order_and_white_is_bright_but_not_clipped(transfer: str, white: float) -> None:
    codes = np.linspace(0, 65535, 256).astype(np.uint16)
    shown = to_sdr(np.repeat(codes[None, :, None], 3, axis=2), transfer)
    assert np.ptp(shown, axis=2).max() <= 1
    assert (np.diff(shown[0, :, 1].astype(int)) >= 0).all()
    assert shown[0, 0, 0] == 0
    assert 225 <= shown[0, round(white * 255), 0] < 255
