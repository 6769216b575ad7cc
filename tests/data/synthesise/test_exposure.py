import numpy as np
import pytest

from finesight.data.synthesise import exposure
from finesight.schema.taxonomy import Severity


@pytest.mark.parametrize("ranges", [exposure.OVER_STOPS, exposure.UNDER_STOPS])
def test_ranges_of_severities_leave_a_gap(ranges: dict[Severity, tuple[float, float]]) -> None:
    for lower, upper in ((Severity.MINOR, Severity.MODERATE), (Severity.MODERATE, Severity.SEVERE)):
        assert ranges[upper][0] - ranges[lower][1] >= 0.5


def test_underexposure_takes_away_the_stops_it_says(picture: np.ndarray) -> None:
    stops = np.random.default_rng(0).uniform(*exposure.UNDER_STOPS[Severity.MINOR])
    dark = exposure.underexpose(picture, Severity.MINOR, np.random.default_rng(0), 400.0)
    bright = picture > 100
    measured = np.log2((dark[bright] / 255.0) ** 2.2 / (picture[bright] / 255.0) ** 2.2)
    assert np.median(measured) == pytest.approx(-stops, abs=0.03)


def test_overexposure_clips_the_highlights_and_leaves_black_black(picture: np.ndarray) -> None:
    bright = exposure.overexpose(picture, Severity.SEVERE, np.random.default_rng(0), 400.0)
    assert (bright == 255).mean() > 0.5
    assert (bright >= picture).all()
    black = np.zeros((4, 4, 3), np.uint8)
    assert (exposure.overexpose(black, Severity.SEVERE, np.random.default_rng(0), 400.0) == 0).all()


def test_a_solid_surface_has_exactly_one_color(picture: np.ndarray) -> None:
    colors = {
        tuple(np.unique(flat.reshape(-1, 3), axis=0).ravel())
        for flat in (
            exposure.solid_color(picture, Severity.MINOR, np.random.default_rng(i), 1.0) for i in range(12)
        )
    }
    assert all(len(color) == 3 for color in colors)
    assert len(colors) > 3
