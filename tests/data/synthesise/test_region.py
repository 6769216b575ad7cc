import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.synthesise.region import SHAPES, Region, blend, changed_part, draw_mask
from finesight.schema.box import Box


@given(st.sampled_from(SHAPES), st.integers(24, 200), st.integers(24, 200), st.integers(0, 50))
def test_a_mask_fills_its_window_within_0_and_1_and_its_box_is_nearly_the_window(shape, width, height, seed):
    mask = draw_mask(shape, width, height, np.random.default_rng(seed))
    x1, y1, x2, y2 = Region(0, 0, width, height, mask).bounds()
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    assert (x2 - x1) * (y2 - y1) > 0.4 * width * height
    if mask is not None:
        assert mask.shape == (height, width)
        assert mask.min() >= 0
        assert mask.max() <= 1


def test_a_hard_rectangle_has_no_mask_and_soft_shapes_fade_at_the_rim() -> None:
    assert draw_mask("rectangle", 50, 40, np.random.default_rng(0)) is None
    for shape in SHAPES[1:]:
        mask = draw_mask(shape, 60, 60, np.random.default_rng(0))
        assert mask is not None
        assert mask[30, 30] == 1
        assert mask[0, 0] < 0.05


def test_blending_takes_the_change_where_the_mask_is_1_and_the_mean_at_one_half() -> None:
    original, changed = np.full((2, 3, 3), 100, np.uint8), np.full((2, 3, 3), 200, np.uint8)
    mask = np.array([[0, 0.5, 1], [0, 0.5, 1]], np.float32)
    assert blend(original, changed, mask)[..., 0] == pytest.approx(np.array([[100, 150, 200]] * 2), abs=1)
    assert blend(original, changed, None) is changed


def test_the_box_of_a_region_is_in_thousandths_of_the_image() -> None:
    assert Region(10, 20, 110, 70).box(200, 100) == Box.of(50, 200, 550, 700)


def test_the_changed_part_leaves_out_margins_where_nothing_happened() -> None:
    before = np.full((80, 160, 3), 90, np.uint8)
    after = before.copy()
    after[16:56, 96:144] = 140
    part = changed_part(before, after, Region(100, 200, 260, 280))
    assert part is not None
    assert part.xyxy == (196, 216, 244, 256)


def test_no_change_and_a_sliver_of_change_are_no_part() -> None:
    before = np.full((80, 160, 3), 90, np.uint8)
    sliver = before.copy()
    sliver[:, 80:88] = 200
    region = Region(0, 0, 160, 80)
    assert changed_part(before, before.copy(), region) is None
    assert changed_part(before, sliver, region) is None
