"""Structure functions of the light: how far apart two pixels must be to differ.

A blur makes near pixels alike: up to its width if it is a disc, along its path if something moved. A ripple makes
pixels half a period apart differ more than those a whole one apart, stairs make most neighbours equal. No single
difference tells these from a soft or a busy picture; differences over several distances and directions do.

References:
    Kolmogorov 1941, "The local structure of turbulence": D(r) = mean of (I(x + r) - I(x))^2.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from finesight.model.resize import CELL_PX

LAGS = (1, 2, 3, 5, 8, 12)
"""Pixels, up to the widths that a severe blur has in a picture of 512 px."""
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""(down, right): along rows, falling, along columns, rising."""
STRUCTURE_STATISTICS = 2 * len(LAGS) * len(DIRECTIONS) + 2

_EQUAL = 1.5 / 255
_LEAST = 1e-3


def structure_statistics(luma: Tensor) -> Tensor:
    """What the pixels of a cell and those some way off have in common.

    Args:
        luma: (B, 1, 28 h, 28 w) in 0..1.

    Returns:
        (B, STRUCTURE_STATISTICS, h, w): by direction and lag the logarithms of the mean difference and of the root
        of its mean square (the two tell few strong edges from much weak texture); then the shares of pixels that
        equal their neighbour to the right, and below.
    """
    found, equal = [], []
    for lag, change in _differences(luma):
        if lag in ((0, 1), (1, 0)):
            equal.append(cell_means((change < _EQUAL).to(change.dtype)))
        found += [cell_means(change), cell_means(change * change).sqrt()]
    return torch.cat([(torch.cat(found, dim=1) + _LEAST).log(), *equal], dim=1)


def cell_means(planes: Tensor) -> Tensor:
    """(B, C, 28 h, 28 w) to (B, C, h, w).

    Sums of rows and then of columns: on a processor ten times as fast as pooling is.
    """
    b, c, height, width = planes.shape
    h, w = height // CELL_PX, width // CELL_PX
    sums = planes.reshape(b, c, h, CELL_PX, width).sum(3).reshape(b, c, h, w, CELL_PX).sum(4)
    return sums / CELL_PX**2


def _differences(luma: Tensor) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """(down, right) in pixels and the absolute differences over it, one plane after the other: each fits a cache.

    Beyond its rim the picture goes on as it ends.
    """
    reach = LAGS[-1]
    height, width = luma.shape[-2:]
    wide = F.pad(luma, (reach, reach, reach, reach), mode="replicate")
    for down, right in DIRECTIONS:
        for k in LAGS:
            y, x = reach + k * down, reach + k * right
            yield (k * down, k * right), (wide[..., y : y + height, x : x + width] - luma).abs()
