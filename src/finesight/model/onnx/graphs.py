"""The parts of nano as modules whose graphs hold for pictures and answers of any length.

Four graphs, cut where plain numbers go from one to the next: the trunk, the encoder with its dense head, the
projector (the votes between them are no graph, see nano/votes.py), and the decoder with its cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from finesight.model.nano.modeling import NanoForConditionalGeneration
from finesight.model.nano.projector import Projector
from finesight.model.nano.proposals import Ballot
from finesight.model.nano.trunk import Trunk
from finesight.model.nano.vision import CellEncoder, Cells, Dense, Seen

DENSE = Dense._fields
OF_CELLS = ("features", "centres", "hidden", *DENSE[:4], "tokens")
"""What has a row for each cell of a picture."""


class Graph(nn.Module):
    """A module with the names of what goes in and out; axes: those of each that vary, by number."""

    def __init__(
        self, inputs: Sequence[str], outputs: Sequence[str], axes: dict[str, dict[int, str]]
    ) -> None:
        super().__init__()
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.axes = {name: {0: "cells"} for name in (*inputs, *outputs) if name in OF_CELLS} | axes


class TowerGraph(Graph):
    """Pixels (1, 3, 28 h, 28 w), 0..255, to the features of the cells (h * w, CELL_FEATURES)."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__(["pixels"], ["features"], {"pixels": {2: "height", 3: "width"}})
        self.trunk = trunk

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.trunk(pixels, pool_by_weights).flatten(0, 2)
        return features


class EncoderGraph(Graph):
    """Features and centres of the cells of a picture to hidden states and the dense view of them."""

    def __init__(self, encoder: CellEncoder) -> None:
        super().__init__(["features", "centres"], ["hidden", *DENSE], {})
        self.encoder = encoder

    def forward(self, features: Tensor, centres: Tensor) -> tuple[Tensor, ...]:
        seen = self.encoder(Cells(features[None], centres[None], torch.ones_like(features[None, :, 0]) > 0))
        return tuple(t[0] for t in (seen.hidden, *seen.dense))


class ProjectorGraph(Graph):
    """What was seen, and who voted for what, to decoder tokens (cells, width)."""

    def __init__(self, projector: Projector) -> None:
        super().__init__(
            ["centres", "hidden", *DENSE, "weights", "kinds", "extents"],
            ["tokens"],
            {"weights": {2: "cells"}},
        )
        self.projector = projector

    def forward(self, centres: Tensor, hidden: Tensor, *rest: Tensor) -> Tensor:
        *dense, weights, kinds, extents = (t[None] for t in rest)
        cells = Cells(hidden[None], centres[None], torch.ones_like(hidden[None, :, 0]) > 0)
        view = Dense(*dense)
        proposals = view.proposed(Ballot(weights, kinds, extents))
        tokens: Tensor = self.projector.written(cells, Seen(hidden[None], view), proposals)[0]
        return tokens


class DecoderGraph(Graph):
    """Tokens of some answers to a picture, with what went before them kept, to logits behind the last of each.

    ids: (R, L). image: (L, width) tokens of the picture where `pictured` (L,) says so. positions: (3, R, L).
    past: keys and values of each layer in turn, (R, heads, P, D).
    """

    def __init__(self, model: NanoForConditionalGeneration) -> None:
        body, text = model.model.language_model, model.config.text_config
        names = [f"{kind}.{i}" for i in range(len(body.layers)) for kind in ("keys", "values")]
        past = [f"past_{name}" for name in names]
        axes = {
            "ids": {0: "rows", 1: "length"},
            "image": {0: "length"},
            "pictured": {0: "length"},
            "positions": {1: "rows", 2: "length"},
            "logits": {0: "rows"},
        }
        axes |= {name: {0: "rows", 2: "past"} for name in past}
        axes |= {name: {0: "rows", 2: "all"} for name in names}
        super().__init__(["ids", "image", "pictured", "positions", *past], ["logits", *names], axes)
        self.body = body
        self.head = model.lm_head
        self.layers = len(body.layers)
        self.kept = (text.num_key_value_heads, text.hidden_size // text.num_attention_heads)

    def forward(
        self, ids: Tensor, image: Tensor, pictured: Tensor, positions: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        cache = Kept(past)
        x = torch.where(pictured[None, :, None], image[None], self.body.embed_tokens(ids))
        written, turned = x, self.body.rotary_emb(x, positions)
        mask = causal(ids.shape[1], past[0].shape[2])
        for layer in self.body.layers:
            x = layer(
                x,
                written=written,
                attention_mask=mask,
                position_embeddings=turned,
                past_key_values=cache,
                use_cache=True,
            )
        logits: Tensor = self.head(self.body.norm(x[:, -1]))
        return logits, *cache.tensors


class Kept:
    """The cache as transformers' layers want it: what went before, and behind it what is new."""

    def __init__(self, past: tuple[Tensor, ...]) -> None:
        self.tensors = list(past)

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        both = self.tensors[2 * layer : 2 * layer + 2]
        both = [torch.cat([old, new], dim=2) for old, new in zip(both, (keys, values), strict=True)]
        self.tensors[2 * layer : 2 * layer + 2] = both
        return both[0], both[1]


def causal(length: int, past: int) -> Tensor:
    """(1, 1, L, P + L) bool: a token sees what went before and itself."""
    row = torch.arange(length)[:, None] + past
    return (torch.arange(past + length)[None] <= row)[None, None]


def pool_by_weights(x: Tensor, cells: tuple[int, int]) -> Tensor:
    """Adaptive average pooling of (B, C, H, W) as two products, which a graph has for every size.

    Window i of n over s values is floor(i s / n) .. ceil((i + 1) s / n), as PyTorch defines it.
    """
    rows, columns = (_windows(size, n) for size, n in zip(x.shape[-2:], cells, strict=True))
    return rows @ x @ columns.transpose(0, 1)


def _windows(size: int, n: int) -> Tensor:
    number, place = torch.arange(n)[:, None], torch.arange(size)[None]
    start = torch.div(number * size, n, rounding_mode="floor")
    end = torch.div((number + 1) * size + n - 1, n, rounding_mode="floor")
    inside = ((place >= start) & (place < end)).float()
    return inside / inside.sum(1, keepdim=True)
