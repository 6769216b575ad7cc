from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.model.nano.extent import AROUND, PRESENCE_WEIGHT, extent

SIDES = st.integers(2, 12)


@st.composite
def spans(draw: st.DrawFn, cells: int) -> tuple[int, int]:
    start = draw(st.integers(0, cells - 1))
    return start, draw(st.integers(start + 1, cells))


@st.composite
def seen(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """A grid and the rows and columns of a rectangle in it."""
    h, w = draw(SIDES), draw(SIDES)
    return (h, w), draw(spans(h)), draw(spans(w))


def picture(grid, rows, columns, inside=0.99, outside=0.01) -> np.ndarray:
    presence = np.full(grid, outside, np.float32)
    presence[slice(*rows), slice(*columns)] = inside
    return presence.ravel()


def corners(grid, rows, columns) -> np.ndarray:
    (h, w), (y1, y2), (x1, x2) = grid, rows, columns
    return np.array([x1 / w, y1 / h, x2 / w, y2 / h], np.float32)


def overlap(presence, grid, box) -> float:
    """Soft intersection over union of whole cells, by hand."""
    h, w = grid
    honest = (presence / (presence + PRESENCE_WEIGHT * (1 - presence))).reshape(grid)
    x1, y1, x2, y2 = np.round(box * (w, h, w, h)).astype(int)
    inside = honest[y1:y2, x1:x2].sum()
    return inside / ((y2 - y1) * (x2 - x1) + honest.sum() - inside)


@given(seen(), st.lists(st.floats(-0.04, 0.04), min_size=4, max_size=4))
def test_a_box_a_little_off_comes_to_the_cells_that_see_it(what, off):
    grid, rows, columns = what
    true = corners(grid, rows, columns)
    box = np.clip(true + np.array(off, np.float32), 0, 1)
    np.testing.assert_allclose(extent(picture(*what), box, grid), true, atol=1e-6)


@given(seen(), st.integers(0, 2**32 - 1))
def test_it_is_made_of_whole_cells_and_lies_in_the_picture(what, seed):
    grid, rows, columns = what
    presence = np.random.default_rng(seed).random(grid, np.float32).ravel()
    x1, y1, x2, y2 = found = extent(presence, corners(grid, rows, columns), grid)
    assert 0 <= x1 < x2 <= 1
    assert 0 <= y1 < y2 <= 1
    cells = found * (grid[1], grid[0], grid[1], grid[0])
    np.testing.assert_allclose(cells, cells.round(), atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_no_other_rows_or_columns_would_overlap_better(seed):
    grid = (5, 6)
    presence = np.random.default_rng(seed).random(grid, np.float32).ravel()
    whole = np.array([0, 0, 1, 1], np.float32)
    best = extent(presence, whole, grid)
    reached = overlap(presence, grid, best)
    assert reached >= overlap(presence, grid, whole) - 1e-5
    for start in range(grid[0]):
        for stop in range(start + 1, grid[0] + 1):
            other = np.array([best[0], start / grid[0], best[2], stop / grid[0]])
            assert overlap(presence, grid, other) <= reached + 1e-5


def test_what_is_seen_further_off_is_another_distortion():
    grid = (4, 20)
    presence = np.maximum(picture(grid, (0, 4), (0, 6)), picture(grid, (0, 4), (12, 20)))
    box = np.array([0, 0, 0.29, 1], np.float32)
    np.testing.assert_allclose(extent(presence, box, grid), [0, 0, 0.3, 1], atol=1e-6)
    # It grows by what begins within AROUND of the box, here a cell, however far more is seen.
    assert 1 / grid[1] == AROUND
    longer = picture(grid, (0, 4), (0, 12))
    assert extent(longer, box, grid)[2] == pytest.approx(7 / 20)


@pytest.mark.parametrize(("said", "in_it"), [(0.7, False), (0.9, True)])
def test_what_a_cell_says_is_taken_back_by_what_training_weighs_it(said, in_it):
    grid, rows, columns = (1, 10), (0, 1), (0, 4)
    presence = picture(grid, rows, columns)
    presence[4] = said  # even odds count three to one
    found = extent(presence, corners(grid, rows, columns), grid)
    assert found[2] == pytest.approx(0.5 if in_it else 0.4)
