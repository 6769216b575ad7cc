"""Colours keep apart, for eyes that see fewer of them too, and text on them can be read."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from finesight.schema.taxonomy import DistortionType, Level
from finesight.ui.legend import GROUND
from finesight.ui.palette import LEVEL_COLOURS, TYPE_COLOURS, ink_on, luminance, rgb

# Machado, Oliveira & Fernandes 2009, table 1, severity 1.0; on linear light.
_BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}


def _seen(colour: str, blindness: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.array(rgb(colour)) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = np.clip(blindness @ linear, 0, 1)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(coded.reshape(1, 1, 3)))


@pytest.mark.parametrize(("blindness", "least"), [("none", 21), ("protan", 9), ("deutan", 9)])
def test_type_colours_stay_apart(blindness: str, least: float) -> None:
    seen = {t: _seen(colour, _BLINDNESS[blindness]) for t, colour in TYPE_COLOURS.items()}
    for a, b in combinations(seen, 2):
        assert float(deltaE_ciede2000(seen[a], seen[b]).item()) >= least, (a, b)


def test_every_type_and_level_has_a_colour() -> None:
    assert set(TYPE_COLOURS) == set(DistortionType)
    assert set(LEVEL_COLOURS) == set(Level)


def test_lines_of_every_colour_show_on_the_dark_ground_of_the_legend() -> None:
    for colour in TYPE_COLOURS.values():
        assert (luminance(colour) + 0.05) / (luminance(GROUND) + 0.05) >= 3.3


def test_text_on_every_colour_meets_the_contrast_of_wcag_aa() -> None:
    for colour in [*TYPE_COLOURS.values(), *LEVEL_COLOURS.values()]:
        dark, light = sorted([luminance(colour), luminance(ink_on(colour))])
        assert (light + 0.05) / (dark + 0.05) >= 4.5
