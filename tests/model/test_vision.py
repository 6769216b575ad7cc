from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from finesight.model.resize import ResizePolicy
from finesight.model.vision import NanoImageInput, QwenImageInput
from finesight.schema.picture import Picture

SIDE = st.integers(1, 6000)
CELLS = st.sampled_from([28, 32])


@st.composite
def policies(draw: st.DrawFn) -> ResizePolicy:
    """Bounds with room for some cells between them."""
    low = draw(st.integers(28 * 28, 400 * 400))
    return ResizePolicy(min_pixels=low, max_pixels=draw(st.integers(4 * low + 64 * 28 * 28, 3000 * 3000)))


def picture(width: int, height: int, seed: int = 0) -> Picture:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture("noise.png", rgb, "")


@given(policies(), SIDE, SIDE, CELLS)
@example(ResizePolicy(min_pixels=56 * 56, max_pixels=448 * 448), 10, 100, 28)
@example(ResizePolicy(), 6000, 1, 28)
@example(ResizePolicy(), 1, 1, 28)
def test_sides_are_whole_cells_and_the_area_is_within_bounds(policy, width, height, cell):
    fitted = policy.fit(width, height, cell)
    assert all(side >= cell and side % cell == 0 for side in fitted)
    assert policy.min_pixels <= math.prod(fitted) <= policy.max_pixels


@given(policies(), SIDE, SIDE, CELLS)
def test_what_fits_stays_as_it_is(policy, width, height, cell):
    fitted = policy.fit(width, height, cell)
    assert policy.fit(*fitted, cell) == fitted


@given(policies(), st.integers(100, 4000), st.integers(100, 4000), CELLS)
def test_the_ratio_of_the_sides_is_kept_up_to_a_cell(policy, width, height, cell):
    fitted = policy.fit(width, height, cell)
    scale = math.sqrt(math.prod(fitted) / (width * height))
    # Each side is off by its own rounding and by what the other's did to the area.
    slack = cell * (1 + max(fitted) / min(fitted))
    assert all(
        abs(side - scale * before) <= slack for side, before in zip(fitted, (width, height), strict=True)
    )


@given(SIDE, SIDE, CELLS)
def test_a_picture_between_the_bounds_keeps_its_size_up_to_rounding(width, height, cell):
    policy = ResizePolicy(min_pixels=1, max_pixels=10**9)
    fitted = policy.fit(width, height, cell)
    assert all(
        abs(side - max(before, cell)) <= cell / 2
        for side, before in zip(fitted, (width, height), strict=True)
    )


@pytest.mark.parametrize("bounds", [{"min_pixels": 2000, "max_pixels": 1000}, {"min_pixels": 0}, {"area": 3}])
def test_a_policy_that_makes_no_sense_is_refused(bounds):
    with pytest.raises(ValidationError):
        ResizePolicy(**bounds)


def reassembled(values: torch.Tensor, width: int, height: int) -> np.ndarray:
    """The picture whose cells stand in `values`, cell by cell."""
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    for number, cell in enumerate(values.numpy().astype(np.uint8)):
        row, column = divmod(number, width // 28)
        tile = cell.reshape(3, 28, 28).transpose(1, 2, 0)
        rgb[28 * row : 28 * row + 28, 28 * column : 28 * column + 28] = tile
    return rgb


def test_cells_of_a_picture_that_fits_are_the_picture():
    shown = picture(5 * 28, 3 * 28)
    seen = NanoImageInput(ResizePolicy())(shown)
    assert np.array_equal(reassembled(seen.pixel_values, 140, 84), shown.rgb)
    assert seen.grid.tolist() == [1, 6, 10]
    assert (seen.width, seen.height, seen.scale) == (140, 84, 1.0)


@pytest.mark.parametrize(
    ("policy", "interpolation"),
    [
        (ResizePolicy(min_pixels=28 * 28, max_pixels=84 * 84), cv2.INTER_AREA),
        (ResizePolicy(min_pixels=300 * 300), cv2.INTER_CUBIC),
    ],
)
def test_cells_of_another_size_are_the_resized_picture(policy, interpolation):
    shown = picture(200, 130)
    seen = NanoImageInput(policy)(shown)
    resized = cv2.resize(shown.rgb, (seen.width, seen.height), interpolation=interpolation)
    assert np.array_equal(reassembled(seen.pixel_values, seen.width, seen.height), resized)
    assert seen.scale == seen.width / 200 != 1.0


@pytest.mark.parametrize(
    "settings",
    [
        {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2},
        {"patch_size": 16, "merge_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    ],
)
@pytest.mark.parametrize("size", [(200, 130), (37, 411), (900, 700)])
def test_qwen_is_given_what_its_own_processor_makes(settings, size):
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=300 * 300)
    bounds = {"shortest_edge": policy.min_pixels, "longest_edge": policy.max_pixels}
    shown = picture(*size)
    seen = QwenImageInput(policy, settings | {"processor_class": "Qwen2VLProcessor"})(shown)
    own = Qwen2VLImageProcessorPil(size=bounds, **settings)(
        images=[shown.rgb], return_tensors="pt", input_data_format="channels_last"
    )
    assert torch.equal(seen.pixel_values, own["pixel_values"])
    assert torch.equal(seen.grid, own["image_grid_thw"][0])
    assert seen.width == int(seen.grid[2]) * settings["patch_size"]
    assert seen.height == int(seen.grid[1]) * settings["patch_size"]
    assert policy.min_pixels <= seen.width * seen.height <= policy.max_pixels


def test_grey_levels_reach_qwen_normalised_by_its_mean_and_deviation():
    shown = Picture("grey.png", np.full((56, 56, 3), 51, dtype=np.uint8), "")
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=56 * 56)
    seen = QwenImageInput(
        policy, {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.2, 0.1], "patch_size": 14}
    )(shown)
    values = seen.pixel_values.reshape(-1, 3, 2 * 14 * 14)
    expected = torch.tensor([(0.2 - 0.5) / 0.5, (0.2 - 0.4) / 0.2, (0.2 - 0.3) / 0.1])
    torch.testing.assert_close(values, expected[None, :, None].expand_as(values), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(2000, 5), (1, 900), (201, 1)])
def test_a_sliver_that_qwens_processor_refuses_is_made_thicker(size):
    policy = ResizePolicy(max_pixels=300 * 300)
    seen = QwenImageInput(policy, {"patch_size": 14})(picture(*size))
    assert policy.min_pixels <= seen.width * seen.height <= policy.max_pixels
    assert (seen.width > seen.height) == (size[0] > size[1])


def test_bounds_that_no_whole_cells_meet_give_way_to_the_upper_one():
    assert ResizePolicy(min_pixels=28 * 28 + 1, max_pixels=28 * 28 + 2).fit(50, 50) == (28, 28)
    assert ResizePolicy(min_pixels=1, max_pixels=1).fit(500, 50) == (28, 28)
