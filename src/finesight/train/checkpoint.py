"""Checkpoints: everything a killed run needs to go on as if nothing had happened.

    RUN/checkpoints/step-00000200/
        model/ or adapter/   a folder that transformers, or peft, loads
        state/               trained weights and optimiser, each rank its share (torch.distributed.checkpoint)
        progress.json        steps done, and the best evaluation so far

A checkpoint is written beside its name and takes it when all of it is on disk, and loses it before any of it is
removed, so one that is there is whole.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_shares
from torch.distributed.checkpoint.state_dict_saver import save as save_shares
from torch.optim import Optimizer

from finesight.data.atomic import publish, write_text
from finesight.errors import InputError
from finesight.train.ranks import Ranks

CHECKPOINTS = "checkpoints"
_NAME = re.compile(r"step-(\d{8})\Z")
_TRAINED = StateDictOptions(ignore_frozen_params=True)


class Progress(BaseModel):
    """How far a run is. best_loss: the lowest held-out loss, of step `best`; stale: evaluations since then.

    cursor: where a policy's next questions are drawn: epoch, and how many draws of it were taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = 0
    best: int | None = None
    best_loss: float | None = None
    stale: int = 0
    cursor: tuple[int, int] = (0, 0)

    def evaluated(self, loss: float) -> Progress:
        """The progress after an evaluation at its step."""
        if self.best_loss is None or loss < self.best_loss:
            return self.model_copy(update={"best": self.step, "best_loss": loss, "stale": 0})
        return self.model_copy(update={"stale": self.stale + 1})


class Checkpoints:
    """The checkpoints of a run: the last `keep`, and that of the best evaluation."""

    def __init__(self, run: Path, keep: int, ranks: Ranks) -> None:
        self._folder = run / CHECKPOINTS
        self._keep = keep
        self._ranks = ranks

    def last(self) -> Path | None:
        """The newest whole one."""
        return max(self._all().items())[1] if self._all() else None

    def of(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"

    def save(
        self,
        progress: Progress,
        module: nn.Module,
        optimizer: Optimizer,
        save_weights: Callable[[Path], None],
    ) -> None:
        """Write one and forget those that are no longer to be kept; all ranks call it together.

        Args:
            save_weights: writes the weights for others to load into a folder; called on all ranks.
        """
        target = self.of(progress.step)
        part = target.with_name(f".{target.name}.part")
        if self._ranks.main:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._ranks.wait()
        save_weights(part)
        with warnings.catch_warnings():  # that there is one process only is no news
            warnings.simplefilter("ignore")
            save_shares(_state(module, optimizer), checkpoint_id=part / "state")
        if self._ranks.main:
            write_text(part / "progress.json", progress.model_dump_json() + "\n")
            publish(part, target)
            self._forget(progress)
        self._ranks.wait()

    def load(self, folder: Path, module: nn.Module, optimizer: Optimizer) -> Progress:
        """Put a checkpoint into the model and its AdamW.

        Raises:
            InputError: it does not fit the model (another size) or is damaged.
        """
        try:
            progress = Progress.model_validate_json((folder / "progress.json").read_text(encoding="utf-8"))
            there = FileSystemReader(folder / "state").read_metadata().state_dict_metadata
            for parameter in _trained(module).values():
                optimizer.state[parameter] = _at_rest(parameter)
            state = _state(module, optimizer)
            # A weight that had no gradient yet has no state.
            state["optimizer"] = {n: t for n, t in state["optimizer"].items() if f"optimizer.{n}" in there}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load_shares(state, checkpoint_id=folder / "state")
            set_model_state_dict(module, state["model"], options=StateDictOptions(strict=False))
        except (OSError, RuntimeError, KeyError, ValueError, EOFError, CheckpointException) as error:
            raise _damaged(folder, error) from error
        return progress

    def clear(self) -> None:
        """Forget them all, half-written ones included."""
        if self._ranks.main:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _all(self) -> dict[int, Path]:
        if not self._folder.is_dir():
            return {}
        named = ((_NAME.match(path.name), path) for path in self._folder.iterdir())
        return {int(match[1]): path for match, path in named if match}

    def _forget(self, progress: Progress) -> None:
        there = self._all()
        kept = {*sorted(there)[-self._keep :], progress.best}
        for step in there.keys() - kept:
            there[step].rename(there[step].with_name(f".{there[step].name}.old"))
        for old in self._folder.glob(".*.old"):
            shutil.rmtree(old)


def whole_weights(module: nn.Module, trained_only: bool = False) -> dict[str, Any]:
    """Weights and buffers by name, put together from all ranks; of use on the first of them."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=trained_only)
    return get_model_state_dict(module, options=options)


def _state(module: nn.Module, optimizer: Optimizer) -> dict[str, dict[str, Any]]:
    """Trained weights and buffers, and what the optimiser knows of each weight, by name."""
    known = {
        f"{name}/{number}": tensor
        for name, parameter in _trained(module).items()
        for number, tensor in optimizer.state.get(parameter, {}).items()
    }
    return {"model": get_model_state_dict(module, options=_TRAINED), "optimizer": known}


def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def _at_rest(parameter: nn.Parameter) -> dict[str, Tensor]:
    """The state of AdamW before a first step."""
    return {
        "step": torch.zeros(()),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }


def _damaged(folder: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(
        f"{folder}: does not fit this run ({reason}); remove it to go on from the checkpoint before it"
    )
