"""The starting model beside the policy, where the objective keeps the policy near it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from finesight.model.family import Visual
from finesight.model.tree import Layout
from finesight.train.policy.learner import Reference, reader
from finesight.train.policy.settings import GrpoConfig
from finesight.train.workbench import Workbench, load_base


def make_reference(config: GrpoConfig, bench: Workbench) -> Reference | None:
    """What the starting model says of answers; None, and nothing in memory, without a kl.

    With adapters it is the policy without them; else a second model, whole on every rank.
    """
    if config.objective.kl == 0:
        return None
    read = reader(bench.model, config, bench.ranks.device)
    if bench.adapted is not None:
        adapted = bench.adapted

        def without(layout: Layout, seen: Sequence[Visual]) -> Tensor:
            with torch.no_grad(), adapted.disable_adapter(), bench.ranks.computing():
                found: Tensor = bench.module(layout, seen, None, read).read[:, 0]
            return found

        return without
    family = load_base(config, bench.ranks.device).family.eval().requires_grad_(False)

    def of(layout: Layout, seen: Sequence[Visual]) -> Tensor:
        with torch.no_grad(), bench.ranks.computing():
            found: Tensor = family(layout, seen, None, read).read[:, 0]
        return found

    return of
