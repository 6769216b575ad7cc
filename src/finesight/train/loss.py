"""The losses of supervised training as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from finesight.model.nano.extent import PRESENCE_WEIGHT
from finesight.model.nano.vision import Dense
from finesight.schema.box import SCALE
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType

TYPES_WEIGHT = 2.0
EVEN_CELLS = 16
"""Cells of a finding that count one each; those of a larger one count less and of a smaller one more, so that the
finding counts by the root of its area and small ones are not drowned."""
_TYPE_INDEX = {t: i for i, t in enumerate(DistortionType)}


class Ruler:
    """The number tokens of a vocabulary, for targets that know that 501 is nearly 500.

    A coordinate target becomes a discrete Gaussian over the number tokens around it.
    """

    def __init__(
        self,
        ids: Mapping[int, int],
        vocabulary: int,
        width: float,
        device: torch.device | str = "cpu",
    ) -> None:
        numbers = sorted(ids)
        self.ids = torch.tensor([ids[n] for n in numbers], device=device)
        self.values = torch.tensor(numbers, dtype=torch.float32, device=device)
        self.value_of = torch.full((vocabulary,), -1.0, device=device)
        self.value_of[self.ids] = self.values
        self.width = width

    def soft_targets(self, values: Tensor) -> Tensor:
        """(N,) numbers to (N, numbers) probabilities."""
        return torch.softmax(-(((self.values - values[:, None]) / self.width) ** 2) / 2, dim=-1)


def answer_loss(logits: Tensor, targets: Tensor, ruler: Ruler | None = None) -> Tensor:
    """Loss of each answer token: cross-entropy, or for numbers the divergence from a soft target.

    Both are 0 for a perfect answer; the divergence leaves out the entropy of the target, which no answer
    can do anything about.

    Args:
        logits: (A, V). targets: (A,) ids.
        ruler: where given, number tokens are held against its soft targets (Kullback-Leibler).

    Returns:
        (A,) losses in nats.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    losses = F.cross_entropy(logits, targets, reduction="none")
    if ruler is None:
        return losses
    values = ruler.value_of[targets]
    rows = values >= 0
    if not rows.any():
        return losses
    log_probabilities = F.log_softmax(logits[rows], dim=-1)[:, ruler.ids]
    soft = F.kl_div(log_probabilities, ruler.soft_targets(values[rows]), reduction="none").sum(-1)
    return losses.masked_scatter(rows, soft)


class DenseLabels(NamedTuple):
    """Labels of the cells of a batch, padded like Dense.

    presence, key: (B, N, T) in {0, 1}; severity: (B, N, T) class or -1; box: (B, N, T, 4) shares of the
    picture; valid: (B, N, T) bool, False on padding and where nothing is known of a picture; level: (B,)
    class or -1; weight: (B, N, T) how much a distorted cell counts, 0 where presence is 0; types: (B, T) in {0, 1},
    -1 where nothing is known of a picture.
    """

    presence: Tensor
    key: Tensor
    severity: Tensor
    box: Tensor
    valid: Tensor
    level: Tensor
    weight: Tensor
    types: Tensor

    def to(self, device: torch.device | str) -> DenseLabels:
        """The same on another device."""
        return DenseLabels(*(tensor.to(device) for tensor in self))


def dense_labels(said: Sequence[Diagnosis | None], grids: Sequence[tuple[int, int]]) -> DenseLabels:
    """What each cell should say: a type is present in the cells whose centre its box holds.

    A box too small to hold a centre claims the cell it is centred in; where boxes of one type overlap, the
    smaller one wins, as the larger shows elsewhere.
    """
    longest = max(h * w for h, w in grids)
    shape = (len(grids), longest, len(DistortionType))
    labels = DenseLabels(
        torch.zeros(shape),
        torch.zeros(shape),
        torch.full(shape, -1),
        torch.zeros(*shape, 4),
        torch.zeros(shape, dtype=torch.bool),
        torch.full(shape[:1], -1),
        torch.zeros(shape),
        torch.full((shape[0], shape[2]), -1.0),
    )
    for row, (diagnosis, (h, w)) in enumerate(zip(said, grids, strict=True)):
        if diagnosis is None:
            continue
        labels.valid[row, : h * w] = True
        labels.types[row] = 0.0
        if diagnosis.level:
            labels.level[row] = diagnosis.level.rank - 1
        for finding in sorted(diagnosis.findings, key=lambda f: -f.box.area):
            cells = _cells_of(finding, h, w)
            kind = _TYPE_INDEX[finding.type]
            labels.types[row, kind] = 1.0
            labels.presence[row, cells, kind] = 1.0
            labels.weight[row, cells, kind] = (EVEN_CELLS / len(cells)) ** 0.5
            labels.key[row, cells, kind] = float(finding.key)
            labels.severity[row, cells, kind] = finding.severity.rank - 1
            labels.box[row, cells, kind] = torch.tensor(finding.box.xyxy) / SCALE
    return labels


class DenseCounts(NamedTuple):
    """What the terms of the dense loss are means over: cells x types of labelled pictures, the weights of those of
    them with a distortion, pictures of known level, and types of pictures of which they are known. At least 1 each.
    """

    valid: float
    present: float
    level: float
    types: float

    @classmethod
    def of(cls, labels: DenseLabels) -> DenseCounts:
        known = ((labels.level >= 0).sum(), (labels.types >= 0).sum())
        return cls(*(max(1.0, float(number)) for number in (labels.valid.sum(), labels.weight.sum(), *known)))


def dense_loss(dense: Dense, labels: DenseLabels, counts: DenseCounts | None = None) -> Tensor:
    """Scalar loss of the dense head: presence, key and types (BCE), severity and level (CE), box (L1 + 1 - GIoU).

    GIoU: Rezatofighi et al., arXiv 1902.09630, eq. 1-3.

    Args:
        counts: of all pictures of a step where these are some of them, so that the losses of its passes add up
            to that of the step; by default of these.
    """
    counts = counts or DenseCounts.of(labels)
    valid = labels.valid
    bce = partial(F.binary_cross_entropy_with_logits, reduction="none")
    counted = torch.where(labels.presence > 0, PRESENCE_WEIGHT * labels.weight, 1.0)[valid]
    presence = (counted * bce(dense.presence[valid], labels.presence[valid])).sum() / counts.valid
    level = F.cross_entropy(dense.level, labels.level, ignore_index=-1, reduction="sum") / counts.level
    known = labels.types >= 0
    types = bce(dense.types[known], labels.types[known]).sum() / counts.types
    return presence + 0.5 * level + TYPES_WEIGHT * types + _of_findings(dense, labels) / counts.present


def _of_findings(dense: Dense, labels: DenseLabels) -> Tensor:
    """What the distorted cells say of their findings, a sum over them by weight."""
    present = labels.valid & (labels.presence > 0)
    boxes, targets = dense.box[present], labels.box[present]
    key = F.binary_cross_entropy_with_logits(dense.key[present], labels.key[present], reduction="none")
    severity = F.cross_entropy(dense.severity[present], labels.severity[present], reduction="none")
    placed = 2 * (boxes - targets).abs().mean(-1) + 1 - _giou(boxes, targets)
    return (labels.weight[present] * (0.5 * key + 0.5 * severity + placed)).sum()


def _cells_of(finding: Finding, h: int, w: int) -> Tensor:
    x1, y1, x2, y2 = (v / SCALE for v in finding.box.xyxy)
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    inside = ((x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)).flatten()
    if not inside.any():
        row = min(h - 1, int((y1 + y2) / 2 * h))
        inside[row * w + min(w - 1, int((x1 + x2) / 2 * w))] = True
    return inside.nonzero().squeeze(1)


def _giou(a: Tensor, b: Tensor) -> Tensor:
    """(N, 4), (N, 4) to (N,) generalised IoU in [-1, 1]."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0).prod(-1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    return shared / union.clamp_min(1e-6) - (hull - union) / hull.clamp_min(1e-6)
