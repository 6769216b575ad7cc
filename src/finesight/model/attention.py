"""Attention functions that obey a tree, registered with transformers under names of their own.

What a function needs of the layout reaches every layer in one of the forms `sight` gives it: as the mask of
four dimensions, which transformers hands on untouched, and as the keyword argument `forks`. A layer that drops
the keyword still gets the right answer, by a mask of all columns against all. A mask or none that does not come
from `sight` means what it always means: the model alone works as with transformers' own functions.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from finesight.errors import ModelError
from finesight.model.forks import Forks
from finesight.model.stem import Growth
from finesight.model.tree import Layout, visible

Attention = Literal["sdpa", "flex"]
_NAMES: dict[Attention, str] = {"sdpa": "finesight_sdpa", "flex": "finesight_flex"}


def use_attention(model: Any, attention: Attention) -> None:
    """Let the decoder of a model attend through one of the functions here; its vision tower stays as it is."""
    model.set_attn_implementation({"text_config": _NAMES[attention]})


def check_attention(attention: Attention, device: torch.device | str) -> None:
    """See that a back end works on a device.

    Raises:
        ModelError: it does not.
    """
    kind = torch.device(device).type
    if attention == "flex" and kind != "cuda":
        raise ModelError(
            f"attention 'flex' needs a CUDA device, and the model is on {kind}: "
            "torch has no backward pass of flex_attention there; choose attention 'sdpa'"
        )


def sight(attention: Attention, layout: Layout) -> dict[str, Any]:
    """Arguments that make a decoder obey a layout."""
    batch, length = layout.until.shape
    if attention == "sdpa":
        return {"attention_mask": layout.until[:, None, None], "forks": layout.forks}

    def sees(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (query < layout.until[row, key])

    return {"attention_mask": create_block_mask(sees, batch, None, length, length, layout.until.device)}


def attend_sdpa(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    forks: Forks | None = None,
    growth: Growth | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Torch's scaled dot product attention over each segment and its ancestors.

    Args:
        query: (B, H, L, D). key, value: (B, H', K, D).
        attention_mask: (B, 1, 1, K) integers: `until` of a layout; else as transformers makes it.
        growth: of answers that grow behind a stem, a token at a time; then it alone says who sees what.

    Returns:
        (B, L, H, D), and None for the weights.
    """
    if growth is not None:
        return growth.attend(module.layer_idx, query, key, value, settings["scaling"]), None
    if attention_mask is not None and attention_mask.dtype == torch.int64:
        if forks is not None:
            return _segments(query, key, value, forks, settings), None
        attention_mask = visible(attention_mask[:, 0, 0], key.shape[2] - query.shape[2])
    out: Tensor = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)[0]
    return out, None


def attend_flex(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | BlockMask | None,
    scaling: float | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Torch's flex_attention, which skips the blocks of a sequence that do not see each other.

    The layout comes as a BlockMask. A step from a cache has one query a row, nothing to skip, and goes the way of
    `attend_sdpa`. Shapes as there.

    References:
        Dong et al., "Flex Attention", arXiv 2412.05496.
    """
    if not isinstance(attention_mask, BlockMask):
        return attend_sdpa(module, query, key, value, attention_mask, scaling=scaling, **settings)
    shared = query.shape[1] != key.shape[1]
    attend = _flex(query.device.type)
    out: Tensor = attend(query, key, value, block_mask=attention_mask, scale=scaling, enable_gqa=shared)
    return out.transpose(1, 2).contiguous(), None


def _segments(query: Tensor, key: Tensor, value: Tensor, forks: Forks, settings: dict[str, Any]) -> Tensor:
    """(B, L, H, D): every segment over those above it and itself.

    Rows are split and joined as a whole, so gradients are summed in the same order on every run.
    """
    rows = []
    for number, row in enumerate(forks.rows):
        lengths = [segment.length for segment in row]
        lengths.append(query.shape[2] - sum(lengths))
        asking, keys, values = (
            torch.split(x[number : number + 1], lengths, dim=2) for x in (query, key, value)
        )
        results = [
            F.scaled_dot_product_attention(
                asking[n],
                torch.cat([keys[m] for m in (*segment.above, n)], dim=2),
                torch.cat([values[m] for m in (*segment.above, n)], dim=2),
                attn_mask=segment.mask,
                is_causal=segment.mask is None,
                dropout_p=settings.get("dropout", 0.0),
                scale=settings.get("scaling"),
                enable_gqa=query.shape[1] != key.shape[1],
            )
            for n, segment in enumerate(row)
        ]
        # What padding says is heard by nobody.
        rows.append(torch.cat([*results, asking[-1]], dim=2))
    return torch.cat(rows).transpose(1, 2)


def going_on(growth: Growth) -> dict[str, Any]:
    """Arguments that make a decoder read the next token of each answer of a growth, which is also its cache."""
    # The mask says nothing: with one of four dimensions, transformers makes none of its own.
    mask = torch.zeros(1, 1, 1, 1, dtype=torch.int64, device=growth.device)
    return {"attention_mask": mask, "growth": growth}


@cache
def _flex(device: str) -> Any:
    """flex_attention as the device wants it: compiled into one kernel, but on a CPU as it is."""
    return flex_attention if device == "cpu" else torch.compile(flex_attention)


AttentionInterface.register(_NAMES["sdpa"], attend_sdpa)
AttentionInterface.register(_NAMES["flex"], attend_flex)
for _name in _NAMES.values():
    AttentionMaskInterface.register(_name, sdpa_mask)
