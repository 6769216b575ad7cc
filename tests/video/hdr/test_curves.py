"""Laws of the conversions, and what the standards say of single points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.hdr.curves import PRESETS, lifted
from finesight.video.hdr.lut import cube, nits, table
from finesight.video.hdr.pq import nits_of_pq, pq_of_nits

LIGHT = np.linspace(0, 1, 1001)
COLOURS = st.tuples(*[st.floats(0, 1)] * 3)


@pytest.mark.parametrize("name", PRESETS)
def test_more_light_is_never_darker_and_white_is_the_peak(name: str) -> None:
    preset = PRESETS[name]
    shown = preset.curve(LIGHT)
    assert (np.diff(shown) >= 0).all()
    assert shown[0] == pytest.approx(0, abs=1e-9)
    assert shown[-1] == pytest.approx(preset.peak, rel=1e-3)


def test_what_is_expanded_leaves_the_darker_half_alone() -> None:
    for name in ("expand600", "expand1000"):
        assert PRESETS[name].curve(LIGHT[:501]) == pytest.approx(PRESETS["place"].curve(LIGHT[:501]))
        assert lifted(PRESETS[name], 0.4) == pytest.approx(0)
    assert lifted(PRESETS["bt2446a"], 0.2) > 0.8


@given(COLOURS, st.sampled_from(sorted(PRESETS)))
def test_hue_is_kept(rgb: tuple[float, float, float], name: str) -> None:
    """Colours of BT.709, taken back from BT.2020, have the proportions that they had."""
    back = np.linalg.inv(
        [[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]
    )
    light = np.array(rgb) ** 2.4
    again = back @ nits(PRESETS[name], np.array(rgb))
    if light.max() > 1e-4:
        assert again / again.max() == pytest.approx(light / light.max(), abs=2e-3)


def test_pq_has_the_points_of_the_standard() -> None:
    codes = {0: 0.0, 100: 0.5081, 203: 0.5807, 1000: 0.7518, 10000: 1.0}
    for value, signal in codes.items():
        assert float(pq_of_nits(np.array(float(value)))) == pytest.approx(signal, abs=2e-4)


@given(st.floats(0, 10_000))
def test_pq_goes_there_and_back(value: float) -> None:
    assert float(nits_of_pq(pq_of_nits(np.array(value)))) == pytest.approx(value, rel=1e-6, abs=1e-4)


def test_a_cube_is_written_with_red_fastest() -> None:
    lines = cube(PRESETS["place"], 3).splitlines()
    rows = [tuple(map(float, line.split())) for line in lines if line[0].isdigit()]
    assert "LUT_3D_SIZE 3" in lines
    assert len(rows) == 27
    assert rows[2] == pytest.approx(table(PRESETS["place"], 3)[0, 0, 2], abs=1e-6)
    assert rows[2][0] > rows[2][1] > rows[2][2] > 0  # red alone: of BT.2020 a bit of all three
    assert rows[-1] == pytest.approx([0.5807] * 3, abs=2e-4)


def test_a_table_of_33_nodes_is_as_good_as_the_formula() -> None:
    """Greys, read by tetrahedra: between two nodes of the diagonal, so that they stay grey; two codes of 10."""
    axis, greys = np.linspace(0, 1, 33), np.linspace(0.1, 1, 500)
    for preset in PRESETS.values():
        diagonal = table(preset)[range(33), range(33), range(33)]
        wanted = pq_of_nits(nits(preset, np.repeat(greys[:, None], 3, 1)))
        for colour in range(3):
            read = np.interp(greys, axis, diagonal[:, colour])
            assert np.abs(read - wanted[:, colour]).max() < 2 / 1023, preset.name
