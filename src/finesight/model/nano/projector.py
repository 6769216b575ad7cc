"""From what was seen to decoder tokens: every cell as a token, and notes of what the cells agree on.

A token's last channels are left for a note. Four notes are written for each proposal, one a coordinate of its
box, in plain numbers: which slot and coordinate, what is proposed, and where. To write a box the decoder
looks up four notes and copies them (see pointer.py), instead of having to invent a place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from finesight.model.nano.proposals import WHAT_FEATURES, Proposals
from finesight.model.nano.vision import (
    BELIEF_FEATURES,
    POSITION_FEATURES,
    SUMMARY_FEATURES,
    TYPES,
    Cells,
    Seen,
    position_features,
)
from finesight.model.nano.votes import SLOTS
from finesight.schema.diagnosis import Diagnosis

COORDINATES = 4
NUMBER_FEATURES = 33
NOTE_FEATURES = 1 + SLOTS + COORDINATES + WHAT_FEATURES + NUMBER_FEATURES


class Projector(nn.Module):
    """Cells, beliefs and proposals to decoder tokens."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        own = out - NOTE_FEATURES
        self.tokens = nn.Linear(width + TYPES * BELIEF_FEATURES + POSITION_FEATURES, own)
        self.summarise = nn.Linear(SUMMARY_FEATURES, own)

    def forward(self, cells: Cells, seen: Seen, hints: Sequence[Diagnosis | None] | None = None) -> Tensor:
        """(B, N, out) tokens; rows of padding are meaningless.

        Args:
            hints: true diagnoses to be told instead of the own proposals, None for the pictures without.
        """
        proposals = seen.dense.proposals(cells.grids)
        return self.written(cells, seen, proposals.hinted(hints) if hints else proposals)

    def written(self, cells: Cells, seen: Seen, proposals: Proposals) -> Tensor:
        """(B, N, out) tokens that say these proposals."""
        belief = seen.dense.belief()
        position = position_features(cells.centres)
        own = self.tokens(torch.cat([seen.hidden, belief.flatten(-2), position], dim=-1))
        own = own + self.summarise(seen.dense.summary(belief, cells.valid))[:, None]
        notes = write_notes(proposals)[:, : own.shape[1]]
        return torch.cat([own, F.pad(notes, (0, 0, 0, own.shape[1] - notes.shape[1]))], dim=-1)


def write_notes(proposals: Proposals) -> Tensor:
    """(B, 4 SLOTS, NOTE_FEATURES): one note a coordinate of a proposal, zero where none is.

    In this order: that it is a note, its slot, its coordinate, what is proposed, the number.
    """
    there = (proposals.what.amax(-1) > 0)[..., None, None].to(proposals.what)
    size = (len(there), SLOTS, COORDINATES, -1)
    number = number_features(proposals.box)
    slot = torch.eye(SLOTS).to(number)[None, :, None].expand(size)
    coordinate = torch.eye(COORDINATES).to(number)[None, None].expand(size)
    what = proposals.what[:, :, None].expand(size)
    note = torch.cat([torch.ones_like(slot[..., :1]), slot, coordinate, what, number], dim=-1)
    return (note * there).flatten(1, 2)


def number_features(x: Tensor) -> Tensor:
    """(...) shares of the picture to (..., NUMBER_FEATURES): bumps of unit length along a ruler.

    The product of two is a bell over their difference, without side lobes: near numbers are alike, others
    are not. Number tokens begin as these.
    """
    marks = torch.linspace(0, 1, NUMBER_FEATURES, device=x.device)
    bumps: Tensor = torch.exp(-(((x[..., None] - marks) * (NUMBER_FEATURES - 1)) ** 2) / 2)
    return F.normalize(bumps, dim=-1)
