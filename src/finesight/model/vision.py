"""Pictures to a model's pixel input: the resize policy, and the scale it leaves behind."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from finesight.model.nano.trunk import CELL_PX
from finesight.schema.picture import Picture


class ResizePolicy(BaseModel):
    """How large a picture may come in, in pixels of area; sides become multiples of the model's cell.

    Enlarging adds nothing to be seen and shrinking hides noise and blocking, so a picture between the two
    bounds keeps its size up to rounding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_pixels: int = Field(default=56 * 56, gt=0)
    max_pixels: int = Field(default=1280 * 28 * 28, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> ResizePolicy:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels {self.min_pixels} is larger than max_pixels {self.max_pixels}")
        return self

    def fit(self, width: int, height: int, cell: int = CELL_PX) -> tuple[int, int]:
        """(width, height) in multiples of `cell` whose area lies within the bounds, ratio kept about.

        Where no whole cells lie between the bounds, the upper one holds (as far as one cell allows).
        """
        area = width * height
        scale = math.sqrt(min(max(area, self.min_pixels), self.max_pixels) / area)
        sides = [max(1, round(side * scale / cell)) for side in (width, height)]
        while sides[0] * sides[1] * cell * cell < self.min_pixels:
            sides[sides.index(max(sides))] += 1
        while sides[0] * sides[1] * cell * cell > self.max_pixels and max(sides) > 1:
            sides[sides.index(max(sides))] -= 1
        return sides[0] * cell, sides[1] * cell


class VisionInput(NamedTuple):
    """One picture as a model takes it.

    pixel_values: (patches or cells, values); grid: (3,) time, height, width in patches;
    width, height: of the resized picture in pixels; scale: resized over original width.
    """

    pixel_values: Tensor
    grid: Tensor
    width: int
    height: int
    scale: float


class ImageInput(Protocol):
    """What a family needs to turn a picture into its pixel values."""

    policy: ResizePolicy

    def __call__(self, picture: Picture) -> VisionInput: ...


class NanoImageInput:
    """Cells of 28 x 28 raw pixels in row-major order."""

    def __init__(self, policy: ResizePolicy) -> None:
        self.policy = policy

    def __call__(self, picture: Picture) -> VisionInput:
        width, height = self.policy.fit(picture.width, picture.height)
        shrinking = width * height < picture.width * picture.height
        rgb = cv2.resize(
            picture.rgb, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
        )
        h, w = height // CELL_PX, width // CELL_PX
        cells = rgb.reshape(h, CELL_PX, w, CELL_PX, 3).transpose(0, 2, 4, 1, 3).reshape(h * w, -1)
        values = torch.from_numpy(np.ascontiguousarray(cells)).float()
        return VisionInput(values, torch.tensor([1, 2 * h, 2 * w]), width, height, width / picture.width)


class QwenImageInput:
    """Qwen-VL's own patches, through transformers' processor that needs no torchvision."""

    def __init__(self, policy: ResizePolicy, settings: dict[str, Any]) -> None:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        self.policy = policy
        kept = {k: v for k, v in settings.items() if k in _PROCESSOR_SETTINGS}
        size = {"shortest_edge": policy.min_pixels, "longest_edge": policy.max_pixels}
        self.processor = Qwen2VLImageProcessorPil(size=size, **kept)

    def __call__(self, picture: Picture) -> VisionInput:
        rgb = _thickened(picture.rgb)
        out = self.processor(images=[rgb], return_tensors="pt", input_data_format="channels_last")
        grid = out["image_grid_thw"][0]
        patch = self.processor.patch_size
        width, height = int(grid[2]) * patch, int(grid[1]) * patch
        return VisionInput(out["pixel_values"], grid, width, height, width / picture.width)


_PROCESSOR_SETTINGS = ("image_mean", "image_std", "patch_size", "temporal_patch_size", "merge_size")
_MOST_RATIO = 200


def _thickened(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, or a sliver that Qwen's processor would refuse made just thick enough for it."""
    height, width = rgb.shape[:2]
    least = -(-max(height, width) // _MOST_RATIO)
    if min(height, width) >= least:
        return rgb
    thick = cv2.resize(rgb, (max(width, least), max(height, least)), interpolation=cv2.INTER_LINEAR)
    return np.asarray(thick, dtype=np.uint8)
