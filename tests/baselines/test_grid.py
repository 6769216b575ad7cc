from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finesight.baselines.grid import CELL_PX, cells, patches
from finesight.schema.box import Box


@given(st.integers(1, 90), st.integers(1, 90))
def test_pictures_of_any_size_have_cells_with_the_mean_of_the_picture(height: int, width: int) -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (height, width)).astype(np.float32)
    grid = cells(plane)
    assert grid.shape == (max(1, height // CELL_PX), max(1, width // CELL_PX))
    assert abs(float(grid.mean()) - float(plane.mean())) < 1e-2


def test_a_cell_is_the_mean_of_its_pixels() -> None:
    plane = np.arange(32 * 48, dtype=np.float32).reshape(32, 48)
    expected = plane.reshape(2, 16, 3, 16).mean(axis=(1, 3))
    np.testing.assert_allclose(cells(plane), expected, rtol=1e-5)


def test_patches_are_boxes_of_what_is_over_the_threshold() -> None:
    grid = np.zeros((20, 20), np.float32)
    grid[2:6, 10:16] = 5
    grid[3, 12] = 0  # a gap
    grid[15, 3] = 9  # a crumb
    (patch,) = patches(grid, 4)
    assert patch.box == Box.of(500, 100, 800, 300)
    assert patch.value == 5


def test_what_covers_most_of_the_picture_is_the_whole_picture() -> None:
    grid = np.zeros((20, 20), np.float32)
    grid[:15] = 1
    assert [patch.box for patch in patches(grid, 0.5)] == [Box.of(0, 0, 1000, 1000)]
    assert patches(grid, 2) == []
