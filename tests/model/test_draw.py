from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.model.draw import draw, likeliest, uniforms

GRID = 4000
"""Numbers evenly over [0, 1): a token that has a share p of the draw comes p * GRID times, give or take one."""

LOGITS = st.lists(st.floats(-12, 12, width=32), min_size=2, max_size=30).map(torch.tensor)


def counts(logits: torch.Tensor, temperature: float, top_p: float) -> np.ndarray:
    numbers = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID
    tokens, _ = draw(logits.expand(GRID, -1), numbers, temperature, top_p)
    return np.bincount(tokens.numpy(), minlength=len(logits))


def shares(logits: torch.Tensor, temperature: float, top_p: float) -> np.ndarray:
    """Top-p as its article words it: the smallest set of likeliest tokens whose mass is at least p."""
    scores = logits.double().numpy() / temperature
    said = np.exp(scores - scores.max())
    said /= said.sum()
    kept, mass = [], 0.0
    for token in sorted(range(len(said)), key=lambda t: -said[t]):
        if mass >= top_p:
            break
        kept.append(token)
        mass += said[token]
    return np.where(np.isin(np.arange(len(said)), kept), said, 0.0) / mass


@settings(max_examples=40)
@given(LOGITS, st.sampled_from([0.3, 1.0, 1.7]), st.sampled_from([0.2, 0.613, 0.9, 1.0]))
def test_every_token_has_its_share_of_the_numbers(logits, temperature, top_p):
    expected = shares(logits, temperature, top_p) * GRID
    assert np.abs(counts(logits, temperature, top_p) - expected).max() <= 1 + 1e-6


@pytest.mark.parametrize("top_p", [1e-9, 0.5, 1.0])
def test_no_number_reaches_a_token_without_a_share(top_p):
    logits = torch.tensor([[-torch.inf, 1.0, 0.0, -800.0, -torch.inf]])
    last = float(np.nextafter(1.0, 0.0))
    for number in (0.0, last):
        tokens, said = draw(logits, torch.tensor([number], dtype=torch.float64), 1.0, top_p)
        assert tokens.item() in ((1,) if top_p <= 0.5 else (1, 2))
        assert said.item() > -torch.inf


def test_log_probabilities_are_those_before_the_tail_is_cut_off():
    logits = torch.tensor([[2.0, 1.0, 0.0, -3.0]])
    for top_p in (0.5, 1.0):
        tokens, said = draw(logits, torch.tensor([0.1], dtype=torch.float64), 0.7, top_p)
        assert tokens.tolist() == [0]
        assert said.item() == pytest.approx((logits[0].double() / 0.7).log_softmax(-1)[0].item(), abs=1e-12)


def test_a_row_is_drawn_by_its_own_number_and_logits_alone():
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0)) * 3
    numbers = torch.from_numpy(uniforms([(5, n) for n in range(6)], 1)[:, 0])
    together, said = draw(logits, numbers, 1.0, 0.9)
    for row in range(6):
        token, own = draw(logits[row : row + 1], numbers[row : row + 1], 1.0, 0.9)
        assert token.item() == together[row].item()
        assert own.item() == said[row].item()


def test_the_likeliest_token_comes_with_its_log_probability():
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, -1.0, -torch.inf]])
    tokens, said = likeliest(logits)
    assert tokens.tolist() == [1, 0]
    assert said.tolist() == pytest.approx(logits.log_softmax(-1).max(-1).values.tolist())


def test_streams_are_apart_and_each_is_the_same_however_much_of_it_is_drawn():
    near = [(0, 0), (0, 1), (1, 0), (1, 1), (2**63, 0), (2**64 - 1, 0), (-1, 1)]
    drawn = uniforms(near, 64)
    assert drawn.shape == (7, 64)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert len(np.unique(drawn)) == drawn.size
    assert np.array_equal(uniforms(near[::-1], 8)[::-1], drawn[:, :8])
    assert uniforms([], 3).shape == (0, 3)


def test_numbers_of_neighbouring_streams_are_uniform_and_have_nothing_to_do_with_each_other():
    drawn = uniforms([(seed, n) for seed in range(20) for n in range(20)], 50)
    observed = np.histogram(drawn, bins=20, range=(0, 1))[0]
    expected = drawn.size / 20
    assert ((observed - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001
    correlation = np.corrcoef(drawn) - np.eye(len(drawn))
    assert abs(correlation.mean()) < 0.005
