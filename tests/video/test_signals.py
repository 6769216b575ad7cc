"""Statistics of frames against what was put into them, and against scipy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from finesight.video.signals import (
    SHOT_SIGNALS,
    SIGNALS,
    Course,
    blockiness,
    blur,
    combing,
    measure,
    noise,
    summary,
)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A natural-looking picture: smooth shading, edges of shapes, a little texture; uint8 (256, 320)."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[0:256, 0:320]
    picture = (90 + rows / 5 + columns / 8).astype(np.uint8)
    for _ in range(20):
        corner = int(rng.integers(320)), int(rng.integers(256))
        cv2.circle(picture, corner, int(rng.integers(6, 40)), int(rng.integers(30, 220)), -1, cv2.LINE_AA)
    return picture


def test_every_statistic_has_its_name(scene: np.ndarray) -> None:
    assert list(measure(scene)) == list(SIGNALS)
    assert set(Course().signals()) == set(SHOT_SIGNALS)


def test_brightness_is_that_of_numpy(scene: np.ndarray) -> None:
    found = measure(scene)
    assert found["luma_mean"] == pytest.approx(scene.mean() / 255, abs=1e-5)
    for name, share in (("luma_p01", 0.01), ("luma_p50", 0.5), ("luma_p99", 0.99)):
        value = np.quantile(scene, share, method="inverted_cdf") / 255
        assert found[name] == pytest.approx(value, abs=1e-5)


def test_clipped_shares_are_those_that_were_clipped() -> None:
    picture = np.full((40, 50), 128, np.uint8)
    picture[:10], picture[20:25] = 0, 255
    found = measure(picture)
    assert (found["clipped_dark"], found["clipped_bright"]) == (0.25, 0.125)


@pytest.mark.parametrize("sigma", [2, 5, 12])
def test_noise_is_the_deviation_that_was_added(scene: np.ndarray, sigma: float) -> None:
    noisy = scene + np.random.default_rng(0).normal(0, sigma, scene.shape)
    assert noise(noisy.clip(0, 255).round().astype(np.uint8)) == pytest.approx(sigma, rel=0.1)


def test_edges_are_not_taken_for_noise(scene: np.ndarray) -> None:
    assert noise(scene) < 0.7


def _crete(luma: np.ndarray, axis: int) -> float:
    """Equations 1 to 6 of the paper for one direction, by scipy in floating point."""
    plane = luma.astype(float)
    soft = uniform_filter1d(plane, 11, axis=axis, mode="reflect")
    steps, after = (np.abs(np.diff(p, axis=axis)) for p in (plane, soft))
    return 1 - np.maximum(steps - after, 0).sum() / steps.sum()


@pytest.mark.parametrize("sigma", [0.01, 1, 4])
def test_blur_is_the_blur_effect_of_the_paper_and_grows(scene: np.ndarray, sigma: float) -> None:
    blurred = cv2.GaussianBlur(scene, (0, 0), sigma)
    assert blur(blurred) == pytest.approx(max(_crete(blurred, 0), _crete(blurred, 1)), abs=0.01)
    assert blur(cv2.GaussianBlur(scene, (0, 0), sigma + 2)) > blur(blurred)


@pytest.mark.parametrize("shift", [0, 3])
def test_a_grid_of_blocks_is_found_wherever_it_lies(scene: np.ndarray, shift: int) -> None:
    blocks = cv2.resize(scene[::8, ::8], (320, 256), interpolation=cv2.INTER_NEAREST)
    mixed = np.roll(cv2.addWeighted(scene, 0.5, blocks, 0.5, 0), (shift, shift), (0, 1))
    assert blockiness(mixed) > 3 * blockiness(scene) + 0.5


def test_woven_fields_of_a_moving_picture_are_combed_and_a_still_one_is_not(scene: np.ndarray) -> None:
    woven = scene.copy()
    woven[1::2] = np.roll(scene, 6, axis=1)[1::2]
    assert combing(scene) < 0.002
    assert combing(woven) > 10 * combing(scene) + 0.01


def test_noise_alone_is_no_combing(scene: np.ndarray) -> None:
    noisy = scene + np.random.default_rng(0).normal(0, 10, scene.shape)
    assert combing(noisy.clip(0, 255).astype(np.uint8)) < 0.01


def test_tiny_pictures_have_statistics_of_brightness_only() -> None:
    assert set(measure(np.zeros((4, 300), np.uint8))) == set(list(SIGNALS)[:6])


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(0, 3))
def test_flicker_is_nothing_where_brightness_runs_straight(values: list[int], slope: int) -> None:
    course = Course()
    for i in range(len(values)):
        course.add(np.full((4, 4), 100 + slope * i, np.uint8))
    assert course.signals()["flicker"] == 0
    assert course.signals()["motion"] == (slope if len(values) > 1 else 0)


def test_flicker_is_the_deviation_from_the_neighbours_of_all_frames() -> None:
    means = [100, 120, 100, 140, 100]
    course = Course()
    for mean in means:
        course.add(np.full((4, 4), mean, np.uint8))
    jolts = [means[i] - (means[i - 1] + means[i + 1]) / 2 for i in (1, 2, 3)]
    assert course.signals()["flicker"] == pytest.approx(np.sqrt(np.mean(np.square(jolts))), abs=1e-4)


def test_a_summary_is_the_median_of_the_frames_that_have_it() -> None:
    assert summary([{"a": 1.0, "b": 5.0}, {"a": 3.0}, {"a": 9.0}]) == {"a": 3.0, "b": 5.0}
