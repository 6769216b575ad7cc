"""Every type in every severity: what it must do to a picture, measured with independent references."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from finesight.data.synthesise import DISTORTIONS
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

DRAWS = 4


def apply(kind: T, severity: Severity, rgb: np.ndarray, seed: int) -> np.ndarray:
    return DISTORTIONS[kind].apply(
        rgb, severity, np.random.default_rng(seed), float(np.hypot(*rgb.shape[:2]))
    )


def test_there_is_one_row_for_each_of_the_ten_types() -> None:
    assert set(DISTORTIONS) == set(T)


def test_optics_come_first_and_compression_last() -> None:
    order = list(DISTORTIONS)
    assert order[-2:] == [T.NOISE, T.BLOCKING_ARTIFACTS]
    assert set(order[:3]) == {T.OUT_OF_FOCUS_BLUR, T.MOTION_BLUR, T.LOW_CLARITY}
    assert order.index(T.OVEREXPOSURE) < order.index(T.EDGE_RINGING_EFFECT) < order.index(T.NOISE)


@pytest.mark.parametrize("kind", list(T))
@pytest.mark.parametrize("shape", [(240, 320), (37, 24), (24, 101)])
def test_the_shape_is_kept_and_the_original_left_alone(kind: T, shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = rgb.copy()
    after = apply(kind, Severity.MODERATE, rgb, 1)
    assert after.shape == rgb.shape
    assert after.dtype == np.uint8
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("kind", list(T))
def test_the_same_generator_state_gives_the_same_pixels(kind: T, picture: np.ndarray) -> None:
    assert np.array_equal(apply(kind, Severity.MINOR, picture, 3), apply(kind, Severity.MINOR, picture, 3))


@pytest.mark.parametrize("kind", [t for t in T if t is not T.MEANINGLESS_SOLID_COLOR])
def test_a_higher_severity_is_farther_from_the_original_by_psnr(kind: T, pictures: list[np.ndarray]) -> None:
    for rgb in pictures:
        minor, moderate, severe = (
            np.mean([peak_signal_noise_ratio(rgb, apply(kind, s, rgb, i)) for i in range(DRAWS)])
            for s in Severity
        )
        assert minor - moderate > 0.5, "severities lie too close to tell apart"
        assert moderate - severe > 0.5, "severities lie too close to tell apart"


STRUCTURAL = [t for t in T if t not in (T.MEANINGLESS_SOLID_COLOR, T.OVEREXPOSURE)]


@pytest.mark.parametrize("kind", STRUCTURAL)
def test_a_higher_severity_keeps_less_structure_by_ssim(kind: T, picture: np.ndarray) -> None:
    minor, moderate, severe = (
        np.mean(
            [structural_similarity(picture, apply(kind, s, picture, i), channel_axis=2) for i in range(DRAWS)]
        )
        for s in Severity
    )
    assert minor > moderate + 0.02 > severe + 0.04


@pytest.mark.parametrize("kind", list(T))
@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_passes_its_own_floor_on_a_detailed_picture(
    kind: T, severity: Severity, picture: np.ndarray
) -> None:
    distorter = DISTORTIONS[kind]
    change = distorter.change(picture, apply(kind, severity, picture, 5))
    assert change > distorter.floors[severity.rank - 1]


@pytest.mark.parametrize("kind", [T.OUT_OF_FOCUS_BLUR, T.MOTION_BLUR, T.EDGE_ALIASING_EFFECT])
def test_what_needs_detail_fails_its_floor_on_a_flat_picture(kind: T) -> None:
    flat = np.full((100, 100, 3), 128, np.uint8)
    assert DISTORTIONS[kind].change(flat, apply(kind, Severity.SEVERE, flat, 0)) < 1


def test_a_shift_of_tone_is_no_loss_of_detail() -> None:
    flat = np.full((50, 50, 3), 100, np.uint8)
    veiled = apply(T.LOW_CLARITY, Severity.SEVERE, flat, 0)
    assert np.abs(veiled.astype(int) - flat).max() > 5
    assert DISTORTIONS[T.LOW_CLARITY].change(flat, veiled) < 1
