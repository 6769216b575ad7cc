"""Held-out loss while a run goes on: every question of some pictures it does not train on, answers given."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from finesight.schema.sample import Subclass
from finesight.train.learner import Learner
from finesight.train.loss import Ruler, answer_loss
from finesight.train.plan import Limits, cost, every, share_out

_KINDS = tuple(Subclass)


class Evaluation(NamedTuple):
    """Means over answer tokens: the loss, the share of tokens that were the likeliest, the loss by subclass."""

    loss: float
    token_accuracy: float
    by_subclass: dict[Subclass, float]

    def numbers(self) -> dict[str, float]:
        """By name, as they are logged."""
        named = {f"loss/{subclass}": value for subclass, value in self.by_subclass.items()}
        return {"loss": self.loss, "token_accuracy": self.token_accuracy, **named}


def evaluate(learner: Learner, limits: Limits) -> Evaluation:
    """Evaluate on all of the learner's data; every rank gets the same result."""
    ranks, examples = learner.ranks, learner.data.examples
    draws = every(examples, limits, np.random.default_rng(0))
    passes = share_out([cost(examples, d) for d in draws], ranks.count, learner.config.tokens_per_pass)[
        ranks.index
    ]
    sums = torch.zeros(len(_KINDS), 3, dtype=torch.float64, device=ranks.device)
    module = learner.module.eval()
    with torch.no_grad():
        for items in passes:
            ready = learner.ready([draws[i] for i in items])
            layout = learner.layout(ready)
            with ranks.computing():
                read = module(layout, ready.seen, None, partial(_loss_and_hit, ruler=learner.ruler)).read
            kinds = [_KINDS.index(examples[d.example].subclasses[i]) for d in ready.items for i in d.branches]
            own = ~layout.told
            rows = torch.tensor(kinds, device=ranks.device)[layout.owner[own]]
            counted = torch.cat([read[own], torch.ones_like(read[own, :1])], dim=1).double()
            sums.index_add_(0, rows, ready.weight * counted)
    ranks.settle(module)
    module.train()
    return _means(ranks.total(sums))


def _loss_and_hit(logits: Tensor, targets: Tensor, ruler: Ruler | None) -> Tensor:
    """(A, 2): the loss of each token, and 1 where it is the likeliest."""
    hit = (logits.argmax(-1) == targets).float()
    return torch.stack([answer_loss(logits, targets, ruler), hit], dim=1)


def _means(sums: Tensor) -> Evaluation:
    loss, hits, tokens = sums.sum(0).tolist()
    by_subclass = {k: float(row[0] / row[2]) for k, row in zip(_KINDS, sums.tolist(), strict=True) if row[2]}
    return Evaluation(loss / max(1, tokens), hits / max(1, tokens), by_subclass)
