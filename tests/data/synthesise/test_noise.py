import numpy as np
import pytest

from finesight.data.synthesise import noise
from finesight.schema.taxonomy import Severity

GREY = np.full((128, 128, 3), 128, np.uint8)


@pytest.mark.parametrize("ranges", [noise.SIGMA, noise.IMPULSES])
def test_ranges_of_severities_leave_a_gap(ranges: dict[Severity, tuple[float, float]]) -> None:
    for lower, upper in ((Severity.MINOR, Severity.MODERATE), (Severity.MODERATE, Severity.SEVERE)):
        assert ranges[upper][0] > 1.5 * ranges[lower][1]


@pytest.mark.parametrize("severity", [Severity.MINOR, Severity.MODERATE])
def test_gaussian_noise_has_the_deviation_it_says_and_no_bias(severity: Severity) -> None:
    noisy = noise._gaussian(GREY, severity, np.random.default_rng(0)).astype(float)
    low, high = noise.SIGMA[severity]
    assert low * 0.95 < noisy.std() < high * 1.05
    assert abs(noisy.mean() - 128) < 0.5


def test_poisson_gaussian_noise_grows_with_the_light() -> None:
    dark, light = np.full_like(GREY, 60), np.full_like(GREY, 190)
    quiet, loud = (
        noise._poisson_gaussian(g, Severity.MODERATE, np.random.default_rng(0)).std() for g in (dark, light)
    )
    assert loud > 1.3 * quiet


def test_chroma_noise_is_in_the_color_more_than_in_the_brightness() -> None:
    noisy = noise._chroma(GREY, Severity.MODERATE, np.random.default_rng(0)).astype(float)
    luma = noisy @ (0.299, 0.587, 0.114)
    assert (noisy[..., 0] - luma).std() > 1.5 * luma.std()


def test_salt_and_pepper_hits_the_share_it_says_half_black_half_white() -> None:
    noisy = noise._salt_and_pepper(GREY, Severity.SEVERE, np.random.default_rng(0))
    black, white = (noisy == 0).all(2).mean(), (noisy == 255).all(2).mean()
    low, high = noise.IMPULSES[Severity.SEVERE]
    assert low * 0.85 < black + white < high * 1.15
    assert 0.8 < black / white < 1.25


def test_all_four_kinds_occur() -> None:
    hit = [noise.add_noise(GREY, Severity.MINOR, np.random.default_rng(i), 1.0) for i in range(40)]
    unchanged = np.array([(h == 128).all(2).mean() for h in hit])
    assert (unchanged > 0.9).any(), "salt and pepper leaves most pixels alone"
    assert (unchanged < 0.1).any()
