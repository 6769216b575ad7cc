"""Votes of cells become proposals: at most SLOTS distortions of a picture, in the order of the grammar.

Which votes go together is decided on plain numbers (see votes.py); what a proposal says of them stays differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from finesight.model.nano.votes import SLOTS, laid_out, votes_of
from finesight.schema.box import SCALE
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity

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


class Ballot(NamedTuple):
    """The votes of a batch, 0 in empty slots.

    weights: (B, SLOTS, T, N) of the cells; kinds: (B, SLOTS, T) one-hot types; extents: (B, SLOTS, 4), where cells
    see what is voted for.
    """

    weights: Tensor
    kinds: Tensor
    extents: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """(B, SLOTS, F): the mean of `values` (B, N, T, F) over the votes of each proposal."""
        return torch.einsum("bstn,bntf->bsf", self.weights.to(values), values)

    def boxes(self, voted: Tensor) -> Tensor:
        """(B, SLOTS, 4): between the mean of the boxes (B, N, T, 4) that are voted for and the extents."""
        return (self.mean(voted) + self.extents.to(voted)) / 2


def gather_votes(presence: Tensor, box: Tensor, grids: Sequence[tuple[int, int]], types: Tensor) -> Ballot:
    """The votes of each picture.

    Args:
        presence: (B, N, T) probabilities. box: (B, N, T, 4) shares of the picture. grids: (h, w) of each picture,
            whose cells are the first h w of the N. types: (B, T) probabilities that the picture has a type.
    """
    cells, kinds = presence.shape[1:]
    arrays = (tensor.float().cpu().numpy() for tensor in (presence, box, types))
    laid = [
        laid_out(votes_of(p[: h * w], b[: h * w], t, (h, w)), cells, kinds)
        for p, b, t, (h, w) in zip(*arrays, grids, strict=True)
    ]
    return Ballot(*(torch.stack([torch.from_numpy(a) for a in same]) for same in zip(*laid, strict=True)))
