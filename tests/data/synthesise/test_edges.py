import numpy as np
import pytest

from finesight.data.synthesise import edges
from finesight.schema.taxonomy import Severity


def step_edge() -> np.ndarray:
    rgb = np.full((64, 128, 3), 70, np.uint8)
    rgb[:, 64:] = 180
    return rgb


@pytest.mark.parametrize("ranges", [edges.ALIASING_STEP, edges.RINGING_GAIN])
def test_ranges_of_severities_leave_a_gap(ranges: dict[Severity, tuple[float, float]]) -> None:
    for lower, upper in ((Severity.MINOR, Severity.MODERATE), (Severity.MODERATE, Severity.SEVERE)):
        assert ranges[upper][0] > 1.3 * ranges[lower][1]


def test_aliasing_invents_no_colors_and_repeats_pixels(picture: np.ndarray) -> None:
    jagged = edges.alias(picture, Severity.SEVERE, np.random.default_rng(0), 400.0)
    known = {tuple(c) for c in picture.reshape(-1, 3).tolist()}
    assert {tuple(c) for c in jagged.reshape(-1, 3).tolist()} <= known
    repeated = (np.diff(jagged.astype(int), axis=1) == 0).all(2).mean()
    assert repeated > 0.6


def test_ringing_overshoots_on_both_sides_of_an_edge_and_oscillates() -> None:
    profile = edges.ring(step_edge(), Severity.MODERATE, np.random.default_rng(0), 560.0)[32, :, 0].astype(
        int
    )
    assert profile.max() > 190
    assert profile.min() < 60
    side = profile[68:] - 180
    changes = np.flatnonzero(np.diff(np.sign(side[side != 0])))
    assert len(changes) >= 3, "one overshoot is a halo, ringing comes back"


def test_ringing_leaves_flat_surfaces_flat() -> None:
    flat = np.full((40, 40, 3), 133, np.uint8)
    assert np.array_equal(edges.ring(flat, Severity.SEVERE, np.random.default_rng(0), 560.0), flat)
