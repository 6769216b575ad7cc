"""The vision side of nano: frozen cell statistics, then a trained encoder with a dense head.

The encoder mixes the cells of a picture by attention and is taught by dense labels: what distorts this cell,
how badly, how far its box reaches; how good is the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from finesight.model.nano.glance import Glance, glance
from finesight.model.nano.proposals import Ballot, Proposals, gather_votes
from finesight.model.nano.trunk import BLACK_SHARE
from finesight.schema.taxonomy import DistortionType, Level, Severity

TYPES = len(DistortionType)
SEVERITIES = len(Severity)
LEVELS = len(Level)
CENTRE_BANDS = 6
HIDDEN_SHARE = 0.5
"""Of hidden states in the traits: as one scene grows worse they move about twice as far as features do, and one
penalty is to be fair to both."""
DIMMEST = 0.02
"""Weight of a black cell beside a lit one in the traits: what is black has little to say, and with no light at all as
much everywhere."""
POSITION_FEATURES = 4 + 4 * CENTRE_BANDS


class Cells(NamedTuple):
    """The cells of a batch of pictures, padded to the largest.

    features: (B, N, F); centres: (B, N, 4) as x, y, width, height in shares of the picture;
    valid: (B, N) bool, False on padding.
    """

    features: Tensor
    centres: Tensor
    valid: Tensor

    @property
    def grids(self) -> list[tuple[int, int]]:
        """(height, width) of each picture in cells."""
        return [(round(1 / h), round(1 / w)) for w, h in self.centres[:, 0, 2:].tolist()]

    @property
    def light(self) -> Tensor:
        """(B, N) share of a cell's pixels that are not black, at least DIMMEST; 0 on padding."""
        return (1 - self.features[..., BLACK_SHARE]).clamp(DIMMEST, 1) * self.valid


class Dense(NamedTuple):
    """What the dense head says of every cell and type.

    presence: (B, N, T) logits; key: (B, N, T) logits; severity: (B, N, T, 3) logits;
    box: (B, N, T, 4) xyxy in shares of the picture; level: (B, 5) logits of the picture's quality level;
    types: (B, T) logits that a type is anywhere in the picture; tilt: (B,) added to the log-odds of the score.
    """

    presence: Tensor
    key: Tensor
    severity: Tensor
    box: Tensor
    level: Tensor
    types: Tensor
    tilt: Tensor

    def belief(self) -> Tensor:
        """(B, N, T, BELIEF_FEATURES): bounded numbers, each as strong as its type is believed in."""
        present = self.presence.sigmoid()[..., None]
        said = torch.cat([self.key.sigmoid()[..., None], self.severity.softmax(-1), self.box], dim=-1)
        return torch.cat([present, said * present], dim=-1)

    def summary(self, belief: Tensor, valid: Tensor) -> Tensor:
        """(B, SUMMARY_FEATURES): level and types of the picture, and what the surest cell of each type says."""
        surest = self.presence.masked_fill(~valid[..., None], -torch.inf).argmax(1)
        index = surest[:, None, :, None].expand(-1, 1, -1, belief.shape[-1])
        said = [self.level.softmax(-1), self.types.sigmoid(), belief.gather(1, index).flatten(1)]
        return torch.cat(said, dim=-1)

    def glance(self, picture: int, cells: int) -> Glance:
        """What is said of one picture of the batch, which has so many cells."""
        numbers = (self.presence, self.severity, self.box, self.level, self.types, self.tilt)
        presence, severity, box, *whole = (t[picture].float().cpu().numpy() for t in numbers)
        return glance(presence[:cells], severity[:cells], box[:cells], *whole)

    def proposals(self, grids: Sequence[tuple[int, int]]) -> Proposals:
        """What cells that agree say together; grids: (h, w) of each picture."""
        with torch.no_grad():
            ballot = gather_votes(self.presence.sigmoid(), self.box, grids, self.types.sigmoid())
        return self.proposed(ballot)

    def proposed(self, ballot: Ballot) -> Proposals:
        """What the voters of each proposal say of it."""
        present = self.presence.sigmoid()[..., None]
        said = torch.cat([present, self.key.sigmoid()[..., None], self.severity.softmax(-1)], dim=-1)
        what = torch.cat([ballot.kinds.to(said), ballot.mean(said)], dim=-1)
        return Proposals(what, ballot.boxes(self.box))


DENSE_NUMBERS = TYPES * (1 + 1 + SEVERITIES + 4)
BELIEF_FEATURES = 1 + 1 + SEVERITIES + 4
SUMMARY_FEATURES = LEVELS + TYPES + TYPES * BELIEF_FEATURES


def waves(x: Tensor, bands: int) -> Tensor:
    """(..., k) shares of the picture to (..., 2 k bands) sines and cosines of doubling frequency."""
    angles = (x[..., None] * 2.0 ** torch.arange(bands, device=x.device) * math.pi).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def pad_cells(features: list[Tensor], grids: list[tuple[int, int]]) -> Cells:
    """Pictures' cells side by side: features[i] is (h_i * w_i, F) in row-major order of grids[i] = (h, w)."""
    longest = max(len(f) for f in features)
    padded = torch.stack([F.pad(f, (0, 0, 0, longest - len(f))) for f in features])
    centres = torch.stack([F.pad(c, (0, 0, 0, longest - len(c))) for c in map(_centres, grids)])
    counts = torch.tensor([len(f) for f in features])
    valid = torch.arange(longest)[None] < counts[:, None]
    return Cells(padded, centres.to(padded), valid.to(padded.device))


def _centres(grid: tuple[int, int]) -> Tensor:
    h, w = grid
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    size = torch.tensor([1 / w, 1 / h]).expand(h, w, 2)
    return torch.cat([torch.stack([x, y], -1), size], -1).reshape(h * w, 4)


def position_features(centres: Tensor) -> Tensor:
    """(..., 4) centres and sizes to (..., POSITION_FEATURES): the numbers and Fourier bands of the centre."""
    return torch.cat([centres, waves(centres[..., :2], CENTRE_BANDS)], dim=-1)


class EncoderBlock(nn.Module):
    """Pre-norm attention among the cells of a picture, then a feed-forward of each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
        mixed = x + self.out(mixed.transpose(1, 2).flatten(-2))
        out: Tensor = mixed + self.mlp(self.mlp_norm(mixed))
        return out


class Seen(NamedTuple):
    """What the encoder makes of a batch: (B, N, width) hidden states and the dense view."""

    hidden: Tensor
    dense: Dense


class CellEncoder(nn.Module):
    """Cells that have seen each other, and the dense head's view of them."""

    feature_mean: Tensor
    feature_scale: Tensor
    feature_tilt: Tensor
    hidden_tilt: Tensor

    def __init__(self, features: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))
        self.register_buffer("feature_tilt", torch.zeros(features))
        self.register_buffer("hidden_tilt", torch.zeros(width))
        self.read = nn.Sequential(
            nn.Linear(features, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        self.place = nn.Linear(POSITION_FEATURES, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dense = nn.Linear(width, DENSE_NUMBERS)
        self.picture = nn.Linear(2 * width, LEVELS + TYPES)

    def standardise(self, features: Tensor) -> None:
        """Take mean and scale from (N, features) cells of the training set, so that every number counts."""
        self.feature_mean.copy_(features.mean(0))
        self.feature_scale.copy_(1 / features.std(0).clamp_min(1e-3))

    def forward(self, cells: Cells) -> Seen:
        """What is seen in the cells; rows of padding are meaningless."""
        features = self.standardised(cells.features)
        x = self.read(features) + self.place(position_features(cells.centres))
        for block in self.blocks:
            x = block(x, cells.valid)
        x = self.norm(x)
        return Seen(x, self._dense(x, cells, self.traits(features, x, cells.light) @ self.tilt))

    @property
    def tilt(self) -> Tensor:
        """(F + W,) what each of the traits adds to the log-odds of the score."""
        return torch.cat([self.feature_tilt, self.hidden_tilt])

    def tilt_by(self, weights: Tensor) -> None:
        """Let the traits weigh that, (F + W,)."""
        count = len(self.feature_tilt)
        self.feature_tilt.copy_(weights[:count])
        self.hidden_tilt.copy_(weights[count:])

    def traits(self, features: Tensor, hidden: Tensor, light: Tensor) -> Tensor:
        """(B, F + W) what tilts weigh: means over the cells of features and of hidden states, by the cells' light.

        Args:
            features: (B, N, F) standardised. hidden: (B, N, W). light: (B, N), of `Cells`.
        """
        return torch.cat([_mean(features, light), HIDDEN_SHARE * _mean(hidden, light)], dim=-1)

    def standardised(self, features: Tensor) -> Tensor:
        """(..., F) features on one scale."""
        return ((features - self.feature_mean) * self.feature_scale).clamp(-6, 6)

    def _dense(self, x: Tensor, cells: Cells, tilt: Tensor) -> Dense:
        numbers = self.dense(x).unflatten(-1, (TYPES, -1))
        presence, key, severity, reach = numbers.split([1, 1, SEVERITIES, 4], dim=-1)
        # A box is read as four reaches from the cell's centre: left, up, right, down, all positive.
        reach = F.softplus(reach - 1.0)
        centre = cells.centres[..., None, :2]
        box = torch.cat([centre - reach[..., :2], centre + reach[..., 2:]], dim=-1).clamp(0, 1)
        level, types = self.picture(_pooled(x, cells.valid)).split([LEVELS, TYPES], dim=-1)
        return Dense(presence.squeeze(-1), key.squeeze(-1), severity, box, level, types, tilt)


def _pooled(x: Tensor, valid: Tensor) -> Tensor:
    """(B, N, W) to (B, 2 W): mean and maximum over the cells that are there."""
    return torch.cat([_mean(x, valid), x.masked_fill(~valid[..., None], -torch.inf).amax(1)], dim=-1)


def _mean(x: Tensor, weights: Tensor) -> Tensor:
    """(B, N, W) to (B, W): mean over the cells, by weights (B, N) or over those that are there."""
    by = weights[..., None]
    return (x * by).sum(1) / by.sum(1)
