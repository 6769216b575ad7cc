"""What stands ready on every rank when a recipe begins, and what is left behind when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from peft import PeftModel
from rich.console import Console
from torch import nn
from torch.optim import AdamW

from finesight.model.coordinates import Coordinates
from finesight.model.load import LoadedModel, load_model
from finesight.train.adapters import add_adapters
from finesight.train.checkpoint import Checkpoints, Progress
from finesight.train.learner import Data
from finesight.train.outcome import Saver
from finesight.train.parts import FrozenGuard, freeze, make_optimizer
from finesight.train.ranks import Ranks
from finesight.train.settings import RunSettings

Say = Callable[[str], None]
Prepare = Callable[[LoadedModel, Ranks, Say], tuple[Data, Data | None]]
"""Looks the data of a run through: what to train on, and what to evaluate on."""


class Workbench(NamedTuple):
    """Model, data and optimiser of a run.

    module: whose forward pass is called. adapted: the model with its adapters, where it has any. say: talks to the
    user.
    """

    ranks: Ranks
    model: LoadedModel
    module: nn.Module
    adapted: PeftModel | None
    data: Data
    held_out: Data | None
    optimizer: AdamW
    checkpoints: Checkpoints
    saver: Saver
    guard: FrozenGuard
    say: Say

    def resume(self) -> Progress:
        """Put the last checkpoint into model and optimiser, if there is one; how far it was."""
        last = self.checkpoints.last()
        return self.checkpoints.load(last, self.model.family, self.optimizer) if last else Progress()

    def update(self, clip: float) -> float:
        """Take the step that the gradients want, clipped; returns the norm they had."""
        norm = self.ranks.clip((p for g in self.optimizer.param_groups for p in g["params"]), clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def save(self, progress: Progress) -> None:
        self.checkpoints.save(progress, self.model.family, self.optimizer, self.saver.checkpoint)

    def finish(self, target: Path) -> None:
        """See that what was frozen is what it was, write the model folder, and clear up."""
        self.guard.check()
        self.saver.finish(target)
        self.checkpoints.clear()
        self.data.pictures.close()
        self.ranks.close()


def set_up(config: RunSettings, start: Callable[[torch.device], LoadedModel], prepare: Prepare) -> Workbench:
    """Make a workbench on this rank.

    Args:
        start: the model to train, on a device.
    """
    ranks = Ranks(config.distribution, config.precision, config.trackers, config.out)
    ranks.begin_tracking(config.out.name, config.model_dump(mode="json"))
    say = Console(stderr=True, quiet=not ranks.main, soft_wrap=True, highlight=False, markup=False).print
    model = start(ranks.device)
    kept = model.family.model.dtype
    say(f"{model.name}: attention {model.attention} on {ranks.count} x {ranks.device.type}")
    freeze(model.family, config.frozen)
    adapted = add_adapters(model, config.lora, config.seed) if config.lora else None
    data, held_out = prepare(model, ranks, say)
    if config.gradient_checkpointing:
        model.family.model.activation_checkpointing_enable()
    module = ranks.share(model.family)
    return Workbench(
        ranks=ranks,
        model=model,
        module=module,
        adapted=adapted,
        data=data,
        held_out=held_out,
        optimizer=make_optimizer(model.family, config.learning_rate, config.weight_decay, config.rates),
        checkpoints=Checkpoints(config.out, config.keep, ranks),
        saver=Saver(config, model, module, adapted, ranks, kept),
        guard=FrozenGuard(model.family),
        say=say,
    )


def load_base(config: RunSettings, device: torch.device) -> LoadedModel:
    """The model a run goes on from."""
    kind = torch.bfloat16 if config.precision == "bf16" else torch.float32
    base = load_model(str(config.model), str(device), kind, config.attention)
    # The data speaks thousandths, so what is trained on it does, whatever its base spoke.
    base.description = base.description.model_copy(update={"coordinates": Coordinates.THOUSANDTHS})
    return base
