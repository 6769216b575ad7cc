from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from finesight.model.nano.pointer import PointerLayer

WIDTH, LENGTH = 16, 7


class Config:
    hidden_size, num_attention_heads, rms_norm_eps, _attn_implementation = WIDTH, 2, 1e-6, "sdpa"


@pytest.fixture
def layer() -> PointerLayer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = PointerLayer(Config(), 0)
    for parameter in layer.parameters():
        parameter.data.mul_(4)
    layer.norm.weight.data.fill_(1)
    return layer.eval()


def tokens(seed: int) -> torch.Tensor:
    return torch.randn(1, LENGTH, WIDTH, generator=torch.Generator().manual_seed(seed))


CAUSAL = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()[None, None]


@torch.no_grad()
def test_it_copies_what_stands_written_at_the_best_match(layer):
    for projection in (layer.q_proj, layer.k_proj):
        projection.weight.copy_(torch.eye(WIDTH) * 5)
    layer.q_proj.bias.zero_()
    written, hidden = tokens(1), tokens(2)
    written = written / written.norm(dim=-1, keepdim=True)
    hidden[0, -1] = written[0, 3]
    found = layer(hidden, written, CAUSAL)[0, -1] - layer.norm(hidden)[0, -1]
    torch.testing.assert_close(found, layer.o_proj(layer.v_proj(written[0, 3])), rtol=0.02, atol=0.02)
    hidden_away = CAUSAL.clone()
    hidden_away[..., 3] = False
    other = layer(hidden, written, hidden_away)[0, -1] - layer.norm(hidden)[0, -1]
    assert float((other - found).norm()) > 1


@torch.no_grad()
def test_where_a_token_stands_does_not_matter_only_what_it_holds(layer):
    written, hidden = tokens(1), tokens(2)
    turned = written[:, [4, 2, 0, 5, 1, 3, 6]]
    everything = torch.ones_like(CAUSAL)
    torch.testing.assert_close(layer(hidden, written, everything), layer(hidden, turned, everything))
    assert not torch.allclose(layer(hidden, written, everything), layer(hidden, tokens(3), everything))


@torch.no_grad()
def test_token_by_token_with_a_cache_is_the_same_as_all_at_once(layer):
    written, hidden = tokens(1), tokens(2)
    whole = layer(hidden, written, CAUSAL)
    cache = DynamicCache()
    for i in range(LENGTH):
        step = layer(hidden[:, i : i + 1], written[:, i : i + 1], CAUSAL[:, :, i : i + 1, : i + 1], cache)
        torch.testing.assert_close(step[:, 0], whole[:, i], rtol=1e-5, atol=1e-5)
