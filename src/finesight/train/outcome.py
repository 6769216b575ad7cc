"""Weights to folders that others load: in checkpoints, and at the end of a run."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel
from torch import Tensor, nn

from finesight.model.load import LoadedModel, load_model, save_model
from finesight.train.adapters import merge_adapters, save_adapters
from finesight.train.checkpoint import whole_weights
from finesight.train.ranks import Ranks
from finesight.train.settings import RunSettings


class Saver:
    """Writes the model of a run, from one rank or from the shares of many; all ranks call it together."""

    def __init__(
        self,
        config: RunSettings,
        model: LoadedModel,
        module: nn.Module,
        adapted: PeftModel | None,
        ranks: Ranks,
        kept: torch.dtype,
    ) -> None:
        """kept: what finished weights are saved in."""
        self._config = config
        self._model = model
        self._module = module
        self._adapted = adapted
        self._ranks = ranks
        self._kept = kept

    def checkpoint(self, folder: Path) -> None:
        """The weights as they are trained, in `model/`, or the adapters in `adapter/`."""
        weights = self._weights()
        if not self._ranks.main:
            return
        if self._adapted is not None:
            save_adapters(self._adapted, weights, folder / "adapter")
        else:
            save_model(self._model, folder / "model", weights if self._ranks.sharded else None)

    def finish(self, target: Path) -> None:
        """The model folder of the run, in the precision its base came in; adapters beside it and merged into it."""
        weights = self._weights()
        if not self._ranks.main:
            return
        if self._adapted is not None:
            save_adapters(self._adapted, weights, self._config.out / "adapter")
            base = load_model(str(self._config.model), dtype=self._kept)
            base.description = self._model.description
            merge_adapters(base, self._config.out / "adapter")
            save_model(base, target)
        elif self._ranks.sharded:
            save_model(self._model, target, {n: _as(t, self._kept) for n, t in weights.items()})
        else:
            self._model.family.eval()
            self._model.family.model.to(self._kept)
            save_model(self._model, target)

    def _weights(self) -> dict[str, Tensor]:
        """By their names in the model itself; empty where the model may be written as it stands."""
        if not self._ranks.sharded and self._adapted is None:
            return {}
        named = whole_weights(self._module, trained_only=self._adapted is not None)
        return {name.removeprefix("model."): tensor for name, tensor in named.items()}


def _as(tensor: Tensor, kind: torch.dtype) -> Tensor:
    return tensor.to(kind) if tensor.is_floating_point() else tensor
