from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from finesight.train.policy.objective import (
    Drawn,
    ObjectiveSettings,
    Totals,
    k3,
    objective,
    read_policy,
    token_weights,
)

LENGTHS = (3, 1, 5, 2)
OWNER = torch.repeat_interleave(torch.arange(4), torch.tensor(LENGTHS))
TOTALS = Totals(answers=4, tokens=sum(LENGTHS), limit=8)
ADVANTAGES = torch.tensor([0.5, -1.0, 0.25, 0.25], dtype=torch.float64)


def made(seed: int = 0, apart: float = 0.4, reference: bool = False, normalise: str = "dapo") -> Drawn:
    """Eleven tokens of four answers, log-probabilities now and then `apart`."""
    random = torch.Generator().manual_seed(seed)
    old = -torch.rand(11, generator=random, dtype=torch.float64) * 3
    now = old + apart * torch.randn(11, generator=random, dtype=torch.float64)
    beside = old + apart * torch.randn(11, generator=random, dtype=torch.float64) if reference else None
    weights = token_weights(OWNER, normalise, TOTALS).double()
    return Drawn(now.requires_grad_(), old, ADVANTAGES[OWNER], OWNER, weights, beside)


def single(log_ratio: float, advantage: float, **settings: float) -> tuple[float, float, bool]:
    """Loss, gradient and whether it was clipped, of one token."""
    now = torch.tensor([log_ratio], dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, dtype=torch.float64)
    drawn = Drawn(now, torch.zeros(1, dtype=torch.float64), advantage * one, torch.tensor([0]), one)
    verdict = objective(drawn, ObjectiveSettings(**settings))
    verdict.loss.backward()
    return verdict.loss.item(), now.grad.item(), bool(verdict.clipped)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient", "clipped"),
    [
        (1.0, 2.0, -2.0, -2.0, False),
        (1.25, 1.0, -1.25, -1.25, False),
        (1.5, 1.0, -1.28, 0.0, True),
        (0.5, 1.0, -0.5, -0.5, False),
        (0.5, -1.0, 0.8, 0.0, True),
        (0.9, -1.0, 0.9, 0.9, False),
        (1.5, -1.0, 1.5, 1.5, False),
    ],
)
def test_clip_branches_by_hand(ratio, advantage, loss, gradient, clipped):
    found = single(torch.tensor(ratio).double().log().item(), advantage)
    assert found[0] == pytest.approx(loss, abs=1e-6)
    assert found[1] == pytest.approx(gradient, abs=1e-6)
    assert found[2] == clipped


def test_clip_higher_lets_good_tokens_grow_further_than_bad_ones_shrink():
    even, higher = {"clip_low": 0.2, "clip_high": 0.2}, {"clip_low": 0.2, "clip_high": 0.5}
    at = torch.tensor(1.4).double().log().item()
    assert single(at, 1.0, **even)[1] == 0
    assert single(at, 1.0, **higher)[1] != 0


@pytest.mark.parametrize("normalise", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize("ratio", ["token", "sequence"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_gradients_are_those_of_finite_differences(normalise, ratio, kl):
    settings = ObjectiveSettings(normalise=normalise, ratio=ratio, kl=kl)
    drawn = made(apart=0.1, reference=kl > 0, normalise=normalise)
    assert gradcheck(lambda now: objective(drawn._replace(now=now), settings).loss, (drawn.now,))


def test_weights_are_what_each_mean_is_taken_over():
    values = torch.arange(11).double()
    means = [values[a == OWNER].mean() for a in range(4)]
    assert (values * token_weights(OWNER, "dapo", TOTALS)).sum() == pytest.approx(values.mean().item())
    assert (values * token_weights(OWNER, "grpo", TOTALS)).sum() == pytest.approx(float(sum(means) / 4))
    assert (values * token_weights(OWNER, "dr_grpo", TOTALS)).sum() == pytest.approx(
        values.sum().item() / (4 * 8)
    )


@pytest.mark.parametrize("normalise", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize("ratio", ["token", "sequence"])
def test_passes_add_up_to_the_step(normalise, ratio):
    settings = ObjectiveSettings(normalise=normalise, ratio=ratio)
    whole = made(normalise=normalise)
    together = objective(whole, settings).loss
    apart = 0.0
    for chosen in (OWNER < 2, OWNER >= 2):
        owner = OWNER[chosen] - OWNER[chosen].min()
        weights = token_weights(owner, normalise, TOTALS).double()
        part = Drawn(whole.now[chosen], whole.old[chosen], whole.advantages[chosen], owner, weights)
        apart = apart + objective(part, settings).loss
    assert apart.item() == pytest.approx(together.item(), abs=1e-7)


@pytest.mark.parametrize("ratio", ["token", "sequence"])
def test_on_policy_the_gradient_is_the_plain_policy_gradient(ratio):
    drawn = made(apart=0.0)
    objective(drawn, ObjectiveSettings(ratio=ratio)).loss.backward()
    gradient = drawn.now.grad.clone()
    if ratio == "token":
        assert torch.allclose(gradient, -drawn.advantages * drawn.weights)
    else:  # the mean over an answer's tokens gives each of them the same
        for answer, length in enumerate(LENGTHS):
            own = answer == OWNER
            expected = -ADVANTAGES[answer] * drawn.weights[own].sum() / length
            assert torch.allclose(gradient[own], expected.expand(length))


def test_without_a_reference_there_is_no_divergence_and_with_one_it_is_never_negative():
    assert objective(made(), ObjectiveSettings()).kl is None
    kl = objective(made(reference=True), ObjectiveSettings(kl=0.1)).kl
    assert kl is not None
    assert (kl >= 0).all()


@given(st.floats(-3, 3))
def test_k3_is_never_negative_and_zero_for_the_same(x):
    # Near 0 the terms cancel up to the rounding of 1.
    assert k3(torch.tensor(x, dtype=torch.float64)) >= -1e-15
    assert k3(torch.tensor(0.0)) == 0


def test_k3_is_the_divergence_in_the_mean():
    """Over what p draws, against the sum written out."""
    random = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 7, generator=random, dtype=torch.float64).softmax(-1)
    estimate = (p * k3(q.log() - p.log())).sum()
    assert estimate == pytest.approx((p * (p / q).log()).sum().item(), abs=1e-9)


def test_tokens_of_another_engine_are_weighted_up_to_the_cap_only():
    drawn = made(apart=0.0)._replace(drawn=made(apart=0.0).old - torch.linspace(-1, 2, 11).double())
    plain, capped = ObjectiveSettings(), ObjectiveSettings(importance_cap=2.0)
    objective(drawn, capped).loss.backward()
    weights = torch.linspace(-1, 2, 11).double().exp().clamp(max=2.0)
    assert torch.allclose(drawn.now.grad, -drawn.advantages * drawn.weights * weights)
    assert objective(drawn, plain).loss.item() != pytest.approx(objective(drawn, capped).loss.item())


def test_reading_gives_log_probability_and_entropy_without_forbidden_tokens():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 9, generator=random, dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 8, 4])
    read = read_policy(logits, targets, 0.7, torch.tensor([3, 6]))
    allowed = [0, 1, 2, 4, 5, 7, 8]
    told = torch.distributions.Categorical(logits=logits[:, allowed] / 0.7)
    places = torch.tensor([allowed.index(t) for t in targets.tolist()])
    assert torch.allclose(read[:, 0], told.log_prob(places))
    assert torch.allclose(read[:, 1], told.entropy())


def padded(values: torch.Tensor) -> torch.Tensor:
    """Values of the eleven tokens as TRL wants them: an answer a row, padded on the right."""
    rows = [values[answer == OWNER] for answer in range(4)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def trl_loss(kind: str, level: str, kl: float, drawn: Drawn) -> torch.Tensor:
    """What TRL's GRPOTrainer makes of the same tensors; only what its loss reads of the trainer is there."""
    pytest.importorskip("trl", reason="TRL is the oracle: pip install 'finesight[oracle]'")
    from trl import GRPOTrainer

    mask = padded(torch.ones(11, dtype=torch.long))
    now = padded(drawn.now)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (now, torch.zeros_like(now), None),
        accelerator=SimpleNamespace(
            num_processes=1,
            gather=lambda tensor: tensor,
            reduce=lambda tensor, reduction: tensor,
            sync_gradients=True,
        ),
        args=SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1),
        model=SimpleNamespace(training=True),
        _metrics={"train": defaultdict(list)},
        current_gradient_accumulation_steps=1,
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level=level,
        beta=kl,
        loss_type=kind,
        epsilon_low=0.2,
        epsilon_high=0.28,
        use_vllm=False,
        _entropy_bonus_enabled=False,
        max_completion_length=TOTALS.limit,
    )
    inputs = {
        "prompt_ids": torch.zeros(4, 1, dtype=torch.long),
        "prompt_mask": torch.ones(4, 1, dtype=torch.long),
        "completion_ids": torch.zeros_like(mask),
        "completion_mask": mask,
        "advantages": ADVANTAGES,
        "old_per_token_logps": padded(drawn.old),
        "num_items_in_batch": mask.sum(),
    }
    if drawn.reference is not None:
        inputs["ref_per_token_logps"] = padded(drawn.reference)
    return GRPOTrainer._compute_loss(trainer, None, inputs)


@pytest.mark.parametrize("kl", [0.0, 0.2])
@pytest.mark.parametrize(
    ("kind", "level"), [("grpo", "token"), ("dapo", "token"), ("dr_grpo", "token"), ("grpo", "sequence")]
)
def test_loss_and_gradient_are_those_of_trl(kind, level, kl):
    """grpo, dapo, dr_grpo, and gspo, which is grpo with the ratio of sequences."""
    settings = ObjectiveSettings(normalise=kind, ratio=level, kl=kl)
    ours, theirs = (made(reference=kl > 0, normalise=kind) for _ in range(2))
    verdict = objective(ours, settings)
    verdict.loss.backward()
    loss = trl_loss(kind, level, kl, theirs)
    loss.backward()
    assert verdict.clipped.any()
    assert verdict.loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert torch.allclose(ours.now.grad, theirs.now.grad, rtol=1e-5, atol=1e-9)
