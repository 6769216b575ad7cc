from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from finesight.model import family as module
from finesight.model.head import read_answers
from finesight.model.tree import Branch, Tree, lay_out


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_losses_and_gradients_are_those_of_all_logits_at_once(chunk):
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 6, dtype=torch.float64, generator=rng, requires_grad=True)
    head = nn.Linear(6, 11, bias=False, dtype=torch.float64)
    targets = torch.randint(11, (7,), generator=rng)
    weights = torch.rand(7, dtype=torch.float64, generator=rng)
    found = read_answers(hidden, head, targets, cross_entropy, chunk)
    expected = cross_entropy(head(hidden), targets)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    sides = [torch.autograd.grad((x * weights).sum(), [hidden, head.weight]) for x in (found, expected)]
    for mine, theirs in zip(*sides, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("learning", [True, False])
def test_no_more_logits_than_a_chunk_stand_there_at_any_time(build_tiny, monkeypatch, learning):
    """In a pass over trees, backward included: the head sees a few answer tokens at a time, and nothing else."""
    model = build_tiny("finesight_nano")
    vocabulary = model.family.model.config.text_config.vocab_size
    monkeypatch.setattr(module, "CHUNK_LOGITS", 3 * vocabulary)
    prefix = list(range(300, 305))
    branches = [Branch([310, 311, *range(320, 320 + n)], 2) for n in (4, 1, 5)]
    layout = lay_out([[Tree(prefix, torch.arange(5).expand(3, -1), branches)]])
    rows: list[int] = []
    model.family.model.lm_head.register_forward_hook(
        lambda _, given, out: rows.append(out.numel() // vocabulary)
    )
    with torch.set_grad_enabled(learning):
        read = model.family(layout, [], None, cross_entropy).read
    if learning:
        read.sum().backward()
    assert len(read) == 10
    once = [3, 3, 3, 1]
    assert sorted(rows) == sorted(once * (2 if learning else 1))
