"""The last layer of nano's decoder: look up what stands written in the input, and take it over.

Ordinary layers mix what they read with where it stands. A pointer matches on content alone, against the
tokens as they came in, so that the notes written into image tokens (see projector.py) can be copied into the
answer number by number.

References:
    Vinyals et al., "Pointer Networks", arXiv 1506.03134, eq. 3 (attention as a choice among inputs).
    See et al., "Get To The Point", arXiv 1704.04368, section 2.2 (copying beside generating).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLRMSNorm, eager_attention_forward


class PointerLayer(GradientCheckpointingLayer):  # type: ignore[misc]
    """Attention from hidden states to the raw input embeddings, without rotary positions.

    It obeys masks and caches like any other decoder layer. What is copied is added to the normed hidden
    state, as a residual that has grown through the layers would drown it.
    """

    is_causal = True
    num_key_value_groups = 1

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.scaling = (width // self.heads) ** -0.5
        self.norm = Qwen2_5_VLRMSNorm(width, eps=config.rms_norm_eps)
        self.q_proj = nn.Linear(width, width)
        # No bias: without positions it would shift all scores of a query alike, which changes nothing.
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(
        self,
        hidden_states: Tensor,
        written: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        """(B, L, H) hidden states and (B, L, H) input embeddings to (B, L, H)."""
        normed = self.norm(hidden_states)
        query, key, value = map(
            self._split, (self.q_proj(normed), self.k_proj(written), self.v_proj(written))
        )
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        found, _weights = attend(self, query, key, value, attention_mask, scaling=self.scaling, **kwargs)
        copied: Tensor = self.o_proj(found.flatten(-2))
        out: Tensor = normed + copied
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)
