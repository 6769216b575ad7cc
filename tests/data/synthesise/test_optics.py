"""Blur and loss of clarity against scipy's convolution and against what defines them."""

import numpy as np
import pytest
from scipy import ndimage

from finesight.data.synthesise import optics
from finesight.schema.taxonomy import Severity

RANGES = [optics.DEFOCUS_RADIUS, optics.MOTION_LENGTH, optics.SAMPLING_STEP, optics.VEIL]


@pytest.mark.parametrize("ranges", RANGES)
def test_ranges_of_severities_leave_a_gap(ranges: dict[Severity, tuple[float, float]]) -> None:
    for lower, upper in ((Severity.MINOR, Severity.MODERATE), (Severity.MODERATE, Severity.SEVERE)):
        assert ranges[upper][0] > 1.2 * ranges[lower][1]


def point(size: int = 81) -> np.ndarray:
    rgb = np.zeros((size, size, 3), np.uint8)
    rgb[size // 2 - 1 : size // 2 + 2, size // 2 - 1 : size // 2 + 2] = 255
    return rgb


def spread(rgb: np.ndarray) -> tuple[float, float]:
    """Standard deviations of the light along its two principal axes, pixels."""
    light = (rgb[..., 0] / 255.0) ** 2.2
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    weights = light.ravel() / light.sum()
    covariance = np.cov(np.stack([rows.ravel(), columns.ravel()]), aweights=weights, ddof=0)
    small, large = np.sqrt(np.linalg.eigvalsh(covariance))
    return float(small), float(large)


def test_a_point_out_of_focus_becomes_a_round_disc() -> None:
    rgb = optics.defocus(point(), Severity.MODERATE, np.random.default_rng(0), 600.0)
    small, large = spread(rgb)
    assert large < 1.1 * small
    radius = 2 * np.sqrt((small**2 + large**2) / 2)  # of a uniform disc: sigma = radius / 2 on each axis
    assert 6.5 * 0.6 < radius < 9.0 * 0.6 + 1.5


def test_a_moving_point_becomes_a_streak() -> None:
    small, large = spread(optics.motion_blur(point(), Severity.SEVERE, np.random.default_rng(1), 600.0))
    assert large > 5 * small


def test_defocus_in_light_agrees_with_scipy() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    radius = np.random.default_rng(2).uniform(*optics.DEFOCUS_RADIUS[Severity.MINOR]) * 500 / 1000
    radius = round(radius, 1)
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (radius + 0.5 - np.hypot(x, y)).clip(0, 1)
    light = ndimage.convolve((rgb / 255.0) ** 2.2, (disc / disc.sum())[..., None], mode="nearest")
    expected = light ** (1 / 2.2) * 255
    actual = optics.defocus(rgb, Severity.MINOR, np.random.default_rng(2), 500.0)
    assert np.abs(actual - expected).max() <= 1.0


def test_the_blur_grows_with_the_image_so_that_it_looks_the_same() -> None:
    small = spread(optics.defocus(point(), Severity.MODERATE, np.random.default_rng(0), 300.0))
    large = spread(optics.defocus(point(), Severity.MODERATE, np.random.default_rng(0), 600.0))
    assert large[0] > 1.5 * small[0]


def test_low_clarity_takes_contrast_and_detail(picture: np.ndarray) -> None:
    unclear = optics.low_clarity(picture, Severity.SEVERE, np.random.default_rng(0), 400.0)
    assert unclear.std() < 0.75 * picture.std()
    assert (
        ndimage.laplace(unclear[..., 1].astype(float)).std()
        < 0.3 * ndimage.laplace(picture[..., 1].astype(float)).std()
    )
