"""Structure functions tell what a single difference cannot."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.model.nano.structure import (
    DIRECTIONS,
    LAGS,
    STRUCTURE_STATISTICS,
    cell_means,
    structure_statistics,
)
from finesight.model.resize import CELL_PX


def textured(size: int = 4 * CELL_PX, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((size, size)).astype(np.float32)


def roots(luma: np.ndarray) -> np.ndarray:
    """(directions, lags) log root mean squares of the middle of a picture."""
    found = structure_statistics(torch.from_numpy(luma)[None, None])[0, :-2, 1:-1, 1:-1].mean((1, 2))
    return found.numpy().reshape(len(DIRECTIONS), len(LAGS), 2)[..., 1]


@pytest.mark.parametrize("direction", range(4))
def test_motion_makes_pixels_alike_along_its_way_and_not_across(direction):
    kernel = np.zeros((13, 13), np.float32)
    down, right = DIRECTIONS[direction]
    for k in range(-6, 7):
        kernel[6 + k * down, 6 + k * right] = 1 / 13
    moved = roots(cv2.filter2D(textured(), -1, kernel))
    across = (direction + 2) % 4
    assert moved[direction, 0] < moved[across, 0] - 0.5
    assert moved[direction].argmax() >= len(LAGS) - 2


def test_a_disc_makes_pixels_alike_in_all_directions():
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)).astype(np.float32)
    blurred = roots(cv2.filter2D(textured(), -1, disc / disc.sum()))
    assert np.ptp(blurred[[0, 2], 0]) < 0.1
    assert (np.diff(blurred[[0, 2], :4]) > 0).all()


def test_ripples_differ_most_half_a_period_apart():
    waves = np.tile(0.5 + 0.2 * np.sin(2 * np.pi * np.arange(4 * CELL_PX) / 10), (4 * CELL_PX, 1))
    along = roots(waves.astype(np.float32))[0]
    assert LAGS[along.argmax()] == 5


@given(st.integers(2, 6))
@settings(deadline=None, max_examples=10)
def test_of_stairs_all_but_one_in_a_tread_equal_their_neighbour(tread):
    size = 4 * CELL_PX
    small = textured(-(-size // tread))
    stairs = np.kron(small, np.ones((tread, tread), np.float32))[:size, :size]
    across, down = structure_statistics(torch.from_numpy(stairs)[None, None])[0, -2:, 1:-1, 1:-1].mean((1, 2))
    assert float(across) == pytest.approx(1 - 1 / tread, abs=0.06)
    assert float(down) == pytest.approx(1 - 1 / tread, abs=0.06)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_means_of_cells_are_those_of_pooling(channels, h, w, seed):
    planes = torch.rand(1, channels, CELL_PX * h, CELL_PX * w, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(cell_means(planes), F.adaptive_avg_pool2d(planes, (h, w)))


def test_a_flat_picture_has_finite_statistics():
    found = structure_statistics(torch.full((1, 1, CELL_PX, CELL_PX), 0.5))
    assert found.shape == (1, STRUCTURE_STATISTICS, 1, 1)
    assert torch.isfinite(found).all()
