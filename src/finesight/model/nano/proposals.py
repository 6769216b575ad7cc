"""Cells that agree become proposals: at most SLOTS distortions of a picture, in the order of the grammar.

Each cell votes for a box of each type it believes in, where the picture as a whole has that type. Votes of one
type that overlap are one distortion; its box is their mean. Which votes go together is decided on plain numbers;
what a proposal says of them stays differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finesight.schema.box import SCALE
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity

Array = NDArray[np.float32]

SLOTS = 12
THERE = 0.4
"""A picture has a type from this probability on; lower than a half, as one missed costs more than one too many."""
BELIEVED = 0.5
"""A cell votes for a type from this probability on."""
SAME = 0.45
"""Votes whose boxes overlap by this IoU are for the same distortion."""
SUPPORT = 0.12
"""A proposal needs votes worth this share of the cells in its box."""
TOLD = 0.8
"""How sure a hint sounds: about as sure as own proposals are, so that trust in it carries over."""


KINDS = list(DistortionType)
WHAT_FEATURES = len(KINDS) + 2 + len(Severity)


class Proposals(NamedTuple):
    """What is proposed of each picture, zero in empty slots.

    what: (B, SLOTS, WHAT_FEATURES): one-hot type, presence, key and severity, each a probability.
    box: (B, SLOTS, 4) xyxy in shares of the picture.
    """

    what: Tensor
    box: Tensor

    def hinted(self, hints: Sequence[Diagnosis | None]) -> Proposals:
        """These proposals, but the true findings for the pictures that have a hint."""
        what, box = self.what.clone(), self.box.clone()
        for row, hint in enumerate(hints):
            if hint is None:
                continue
            what[row], box[row] = 0.0, 0.0
            for slot, finding in enumerate(hint.findings[:SLOTS]):
                kind = KINDS.index(finding.type)
                severity = len(KINDS) + 1 + finding.severity.rank
                what[row, slot, kind] = 1.0
                what[row, slot, len(KINDS)] = TOLD
                what[row, slot, len(KINDS) + 1] = TOLD if finding.key else 1 - TOLD
                what[row, slot, len(KINDS) + 2 :] = (1 - TOLD) / 2
                what[row, slot, severity] = TOLD
                box[row, slot] = torch.tensor(finding.box.xyxy) / SCALE
        return Proposals(what, box)


class Vote(NamedTuple):
    """A proposal as the weights (N,) of the cells that made it, summing to 1, and where it is (x1, y1)."""

    kind: int
    weights: Array
    corner: tuple[float, float]
    strength: float


def gather_votes(presence: Tensor, box: Tensor, valid: Tensor, types: Tensor) -> list[list[Vote]]:
    """The proposals of each picture, by type and then in reading order.

    A type that is in the picture has one proposal at least: that of its surest cell, where the votes are too weak.

    Args:
        presence: (B, N, T) probabilities. box: (B, N, T, 4) shares of the picture. valid: (B, N).
        types: (B, T) probabilities that the picture has a type.
    """
    votes = []
    arrays = (tensor.float().cpu().numpy() for tensor in (presence, box, valid, types))
    for p, b, v, there in zip(*arrays, strict=True):
        kinds = (int(kind) for kind in np.flatnonzero(there >= THERE))
        found = [vote for kind in kinds for vote in _of_type(kind, p[:, kind] * v, b[:, kind])]
        strongest = sorted(found, key=lambda vote: -vote.strength)[:SLOTS]
        votes.append(sorted(strongest, key=lambda vote: (vote.kind, vote.corner[1], vote.corner[0])))
    return votes


def weigh(votes: list[list[Vote]], values: Tensor) -> Tensor:
    """(B, SLOTS, F): the mean of `values` (B, N, T, F) over the votes of each proposal, 0 in empty slots."""
    batch, cells, kinds, _ = values.shape
    weights = torch.zeros(batch, SLOTS, kinds, cells)
    for row, found in enumerate(votes):
        for slot, vote in enumerate(found):
            weights[row, slot, vote.kind] = torch.from_numpy(vote.weights)
    return torch.einsum("bstn,bntf->bsf", weights.to(values), values)


def kinds_of(votes: list[list[Vote]], kinds: int) -> Tensor:
    """(B, SLOTS, T): one-hot type of each proposal, 0 in empty slots."""
    hot = torch.zeros(len(votes), SLOTS, kinds)
    for row, found in enumerate(votes):
        for slot, vote in enumerate(found):
            hot[row, slot, vote.kind] = 1.0
    return hot


def _of_type(kind: int, presence: Array, boxes: Array) -> list[Vote]:
    """Greedy grouping: the strongest vote takes those that agree with it, then the next that is left."""
    left = np.where(presence >= BELIEVED, presence, 0.0).astype(np.float32)
    found: list[Vote] = []
    cell_area = 1.0 / max(1, int(np.count_nonzero(presence)))
    for _ in range(SLOTS):
        if not left.any():
            break
        seed = int(left.argmax())
        overlap = _iou(boxes[seed], boxes)
        group = np.where(overlap >= SAME, left, 0.0)
        group[seed] = left[seed]
        mean = (group[:, None] * boxes).sum(0) / group.sum()
        area = max(float((mean[2] - mean[0]) * (mean[3] - mean[1])), cell_area)
        if group.sum() * cell_area >= SUPPORT * area:
            weights = (group / group.sum()).astype(np.float32)
            found.append(Vote(kind, weights, (float(mean[0]), float(mean[1])), float(group.sum())))
        left = np.where((overlap >= SAME) | (_iou(mean, boxes) >= SAME), 0.0, left)
        left[seed] = 0.0
    return found or [_surest(kind, presence, boxes)]


def _surest(kind: int, presence: Array, boxes: Array) -> Vote:
    cell = int(presence.argmax())
    weights = np.zeros_like(presence)
    weights[cell] = 1.0
    return Vote(kind, weights, (float(boxes[cell, 0]), float(boxes[cell, 1])), float(presence[cell]))


def _iou(one: Array, many: Array) -> Array:
    corner, opposite = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(opposite - corner, 0, None).prod(-1)
    areas = (many[:, 2:] - many[:, :2]).prod(-1)
    union = (one[2:] - one[:2]).prod() + areas - shared
    overlap: Array = shared / np.maximum(union, 1e-9)
    return overlap
