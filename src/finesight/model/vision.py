"""Pictures to a model's pixel input, and the scale that is left behind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finesight.model.frame import framed
from finesight.model.resize import CELL_PX, ResizePolicy
from finesight.schema.picture import Clip, Picture


class VisionInput(NamedTuple):
    """One picture as a model takes it.

    pixel_values: (patches or cells, values), or (tiles, 3, height, width) in InternVL; grid: (3,) time (there:
    tiles), height, width in patches; width, height: of the resized picture in pixels; scale: resized over
    original width; extra: further inputs of a model without an adapter. seconds: of a clip, from one step of the
    grid's time to the next; 0 for a picture.
    """

    pixel_values: Tensor
    grid: Tensor
    width: int
    height: int
    scale: float
    extra: Mapping[str, Tensor] = MappingProxyType({})
    seconds: float = 0.0


class ImageInput(Protocol):
    """What a family needs to turn a picture into its pixel values.

    processor: transformers' own that does it; None where there is none.
    """

    policy: ResizePolicy
    processor: Any

    def __call__(self, picture: Picture) -> VisionInput: ...


class NanoImageInput:
    """Cells of 28 x 28 raw pixels in row-major order; a picture within the policy keeps its pixels."""

    processor = None

    def __init__(self, policy: ResizePolicy) -> None:
        self.policy = policy

    def __call__(self, picture: Picture) -> VisionInput:
        width, height = self.policy.fit(picture.width, picture.height)
        rgb = framed(picture.rgb, width, height)
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
        if isinstance(picture, Clip):
            return self._clip(picture)
        rgb = _thickened(picture.rgb)
        out = self.processor(images=[rgb], return_tensors="pt", input_data_format="channels_last")
        grid = out["image_grid_thw"][0]
        patch = self.processor.patch_size
        width, height = int(grid[2]) * patch, int(grid[1]) * patch
        return VisionInput(out["pixel_values"], grid, width, height, width / picture.width)

    def _clip(self, clip: Clip) -> VisionInput:
        """Successive frames share a step of time; the last one is shown again where they do not come out even.

        The policy bounds all steps together, so that a clip costs what a picture does.
        """
        together = self.processor.temporal_patch_size
        steps = -(-len(clip.frames) // together)
        frames = [*clip.frames, *[clip.frames[-1]] * (steps * together - len(clip.frames))]
        most = max(self.policy.min_pixels, self.policy.max_pixels // steps)
        out = self.processor(
            images=[_thickened(frame) for frame in frames],
            return_tensors="pt",
            input_data_format="channels_last",
            size={"shortest_edge": self.policy.min_pixels, "longest_edge": most},
        )
        _, h, w = out["image_grid_thw"][0].tolist()
        patch = self.processor.patch_size
        # Of a still each moment of a patch is the same; here each is of its own frame.
        stills = out["pixel_values"].view(steps, together, h * w, -1, together, patch * patch)[..., 0, :]
        values = stills.permute(0, 2, 3, 1, 4).reshape(steps * h * w, -1)
        return VisionInput(
            values,
            torch.tensor([steps, h, w]),
            w * patch,
            h * patch,
            w * patch / clip.width,
            seconds=clip.seconds * together,
        )


class TileImageInput:
    """InternVL's tiles of one size, with a thumbnail where they are several.

    The bounds of the policy are kept as far as whole tiles allow.
    """

    def __init__(self, policy: ResizePolicy, settings: dict[str, Any], patch_size: int) -> None:
        from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

        self.policy = policy
        self.patch_size = patch_size
        kept = {k: v for k, v in settings.items() if k in _TILE_SETTINGS}
        self.processor = GotOcr2ImageProcessorPil(**kept)

    def __call__(self, picture: Picture) -> VisionInput:
        from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

        size = self.processor.size
        most = max(1, min(self.processor.max_patches, self.policy.max_pixels // (size.height * size.width)))
        least = min(self.processor.min_patches, most)
        out = self.processor(
            images=[picture.rgb],
            return_tensors="pt",
            input_data_format="channels_last",
            crop_to_patches=True,
            min_patches=least,
            max_patches=most,
        )
        columns, rows = get_optimal_tiled_canvas(
            (picture.height, picture.width), (size.height, size.width), least, most
        )
        tiles = out["pixel_values"]
        grid = torch.tensor([len(tiles), size.height // self.patch_size, size.width // self.patch_size])
        width, height = columns * size.width, rows * size.height
        return VisionInput(tiles, grid, width, height, width / picture.width)


class ProcessorImageInput:
    """Whatever the processor of a checkpoint makes of a picture; the policy has no say in it.

    The ids that stand for the picture in the text are the extra `input_ids`.
    """

    def __init__(self, policy: ResizePolicy, processor: Any, image_token: str) -> None:
        self.policy = policy
        self.processor = processor
        self.image_token = image_token

    def __call__(self, picture: Picture) -> VisionInput:
        out = dict(
            self.processor(
                images=[picture.rgb], text=self.image_token, return_tensors="pt", add_special_tokens=False
            )
        )
        values = out.pop("pixel_values")
        out.pop("attention_mask", None)
        grid = torch.tensor([1, 1, len(out["input_ids"][0])])
        return VisionInput(values, grid, picture.width, picture.height, 1.0, out)


_TILE_SETTINGS = ("image_mean", "image_std", "size", "min_patches", "max_patches", "resample")
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
