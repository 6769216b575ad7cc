"""What a step of GRPO learns from its lessons: the gradient of the objective, in as many passes as they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from finesight.model.family import Visual
from finesight.model.head import Read
from finesight.model.load import LoadedModel
from finesight.model.tree import Layout, Tree, lay_out
from finesight.train.passes import PassLoss, Readable, Ready, run_passes
from finesight.train.pictures import Pictures
from finesight.train.plan import share_out
from finesight.train.policy.groups import Lesson, Planting, plant
from finesight.train.policy.objective import Drawn, Totals, objective, read_policy, token_weights
from finesight.train.policy.settings import GrpoConfig
from finesight.train.ranks import Ranks

Reference = Callable[[Layout, Sequence[Visual]], Tensor]
"""Log-probabilities (T,) of a layout's answer tokens to the starting model."""


class Batch(NamedTuple):
    """The lessons of a step as this rank's passes, and what is remembered of them between updates.

    on_policy: whether they were drawn from the very weights the first update begins with. ready, old, reference: by
    pass, its pictures and log-probabilities, once they are known.
    """

    passes: list[list[Planting]]
    totals: Totals
    on_policy: bool
    ready: dict[int, Ready[Planting]]
    old: dict[int, Tensor]
    reference: dict[int, Tensor]


class PolicyLearner:
    """Runs updates: `gradients` leaves those of the objective in the weights, over all passes and ranks."""

    def __init__(
        self,
        config: GrpoConfig,
        model: LoadedModel,
        module: nn.Module,
        pictures: Pictures,
        ranks: Ranks,
        say: Callable[[str], None],
        reference: Reference | None = None,
    ) -> None:
        """module: whose forward pass is called (see `Ranks.share`). reference: where there is a kl."""
        self.config = config
        self.model = model
        self.module = module
        self.ranks = ranks
        self._reference = reference
        forbidden = torch.tensor(model.vision_ids, device=ranks.device)
        self._read = partial(read_policy, temperature=config.sampling.temperature, forbidden=forbidden)
        self._stand_in: Planting | None = None
        self._readable: Readable[Planting] = Readable(
            pictures, lambda tree: tree.picture, lambda: [self._stand_in] if self._stand_in else [], say
        )

    def batch(self, lessons: Sequence[Lesson], prefixes: Mapping[Path, int], on_policy: bool = True) -> Batch:
        """The lessons of a step, known to all ranks, as passes of this one.

        Args:
            prefixes: tokens of the prefix of each picture.
            on_policy: see `Batch`.
        """
        limit = self.config.tokens_per_pass
        trees = plant(lessons, prefixes, limit)
        costs = [tree.cost(prefixes[tree.picture]) for tree in trees]
        shares = share_out(costs, self.ranks.count, limit)[self.ranks.index]
        self._stand_in = trees[0]
        lengths = list(chain.from_iterable(tree.tokens for tree in trees))
        totals = Totals(len(lengths), sum(lengths), self.config.sampling.max_new_tokens)
        return Batch([[trees[i] for i in some] for some in shares], totals, on_policy, {}, {}, {})

    def gradients(self, batch: Batch) -> dict[str, float]:
        """One update's gradients; `loss`, and means over answer tokens by name."""
        return run_passes(self.module, self.ranks, batch.passes, partial(self._pass, batch))

    def logprobs(self, batch: Batch) -> list[Tensor]:
        """(T, 2) of each pass of this rank without gradients: log-probabilities and entropies, weighted with 0 where
        a pass only keeps the rank in step."""
        found = []
        with torch.no_grad():
            for items in batch.passes:
                ready = self._readable.of(items)
                with self.ranks.computing():
                    read = self.module(self._layout(ready), ready.seen, None, self._read).read
                found.append(read[: len(read) if ready.weight else 0])
        self.ranks.settle(self.module)
        return found

    def _pass(self, batch: Batch, number: int, items: list[Planting]) -> PassLoss:
        # The same pictures in every update, also where one can be read no more.
        if number not in batch.ready:
            batch.ready[number] = self._readable.of(items)
        ready = batch.ready[number]
        layout = self._layout(ready)
        now, entropy = self.module(layout, ready.seen, None, self._read).read.unbind(1)
        told = self._drawn(batch, number, ready, layout, now)
        verdict = objective(told, self.config.objective)
        share = ready.weight / batch.totals.tokens
        numbers = {
            "loss": ready.weight * verdict.loss,
            "entropy": share * entropy.sum(),
            "clip_fraction": share * verdict.clipped.sum(),
        }
        if verdict.kl is not None:
            numbers["kl"] = share * verdict.kl.sum()
        return PassLoss(numbers["loss"], numbers)

    def _drawn(self, batch: Batch, number: int, ready: Ready[Planting], layout: Layout, now: Tensor) -> Drawn:
        """What the objective needs; what the policy said when the answers were drawn is found out once."""
        lessons = [lesson for tree in ready.items for lesson in tree.lessons]
        advantages = torch.tensor([a for le in lessons for a in le.advantages], device=now.device)
        told = [logprobs for le in lessons for logprobs in le.drawn]
        drawn = torch.tensor(list(chain.from_iterable(told)), device=now.device) if all(told) else None
        if number not in batch.old:
            # On policy nobody has to be asked: what the weights say now is what they said then.
            known = drawn is not None and not batch.on_policy
            batch.old[number] = drawn if known and drawn is not None else now.detach()
            if self._reference:
                batch.reference[number] = self._reference(layout, ready.seen)
        return Drawn(
            now,
            batch.old[number],
            advantages[layout.owner],
            layout.owner,
            token_weights(layout.owner, self.config.objective.normalise, batch.totals),
            batch.reference.get(number),
            drawn,
        )

    def _layout(self, ready: Ready[Planting]) -> Layout:
        trees = []
        for planting, seen in zip(ready.items, ready.seen, strict=True):
            prefix = self.model.prefix(seen)
            positions = self.model.family.prefix_positions(prefix, [seen.grid])
            trees.append(Tree(prefix, positions, planting.branches))
        return lay_out([trees]).to(self.ranks.device)


def reader(model: LoadedModel, config: GrpoConfig, device: torch.device) -> Read:
    """Reads logits the way answers are sampled from them (see `read_policy`)."""
    forbidden = torch.tensor(model.vision_ids, device=device)
    return partial(read_policy, temperature=config.sampling.temperature, forbidden=forbidden)
