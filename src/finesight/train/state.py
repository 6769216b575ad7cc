"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

from __future__ import annotations

import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch.optim import Optimizer

from finesight.errors import InputError

NAME = "checkpoint.pt"


class Resumed(NamedTuple):
    """The number of steps a checkpoint has behind it."""

    step: int


def save_checkpoint(run: Path, step: int, model: torch.nn.Module, optimizer: Optimizer) -> None:
    """Write the state after `step` steps; the former checkpoint stays until this one is whole on disk."""
    part = run / f".{NAME}.part"
    with part.open("wb") as file:
        torch.save(
            {"step": step, "model": _trained(model), "optimizer": optimizer.state_dict()},
            file,
        )
        file.flush()
        os.fsync(file.fileno())
    part.replace(run / NAME)


def load_checkpoint(run: Path, model: torch.nn.Module, optimizer: Optimizer) -> Resumed | None:
    """Put the checkpoint of a run, where there is one, into the model and the optimiser.

    Raises:
        InputError: a checkpoint that does not fit the model (another size) or is damaged.
    """
    path = run / NAME
    if not path.is_file():
        return None
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"], strict=False)
        optimizer.load_state_dict(saved["optimizer"])
    except (RuntimeError, KeyError, ValueError, EOFError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: does not fit this run ({reason}); remove {run} to start anew") from error
    return Resumed(int(saved["step"]))


def clear(run: Path) -> None:
    """Forget a run's checkpoint, a half-written one included."""
    (run / NAME).unlink(missing_ok=True)
    (run / f".{NAME}.part").unlink(missing_ok=True)


def _trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights that training changes and the buffers; what is frozen is where the run began."""
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    return {name: t for name, t in model.state_dict().items() if name not in frozen}
