"""The parts of a vision-language model by the names of its parameters, and what of them is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from finesight.errors import ConfigError, FinesightError
from finesight.model.family import Family

Part = Literal["vision", "projector", "language"]

_PROJECTORS = ("projector", "multi_modal_projector", "merger", "deepstack_merger_list", "mlp1")
_TOWERS = ("visual", "vision_tower", "vision_model")


class FrozenChangedError(FinesightError):
    """Weights that were to stay as they are did not: a defect, never the user's."""


def part_of(name: str) -> Part:
    """The part a parameter belongs to.

    What stands between a tower and the decoder is projector wherever it lies: Qwen's merger, and of nano all
    that comes behind its trunk.
    """
    segments = name.split(".")
    if any(s in _PROJECTORS for s in segments) or "visual.encoder." in name:
        return "projector"
    return "vision" if any(s in _TOWERS for s in segments) else "language"


def freeze(family: Family, parts: Collection[Part]) -> None:
    """Freeze parts by name.

    Raises:
        ConfigError: nothing is left to train.
    """
    for name, parameter in family.model.named_parameters():
        parameter.requires_grad_(part_of(name) not in parts)
    if not any(p.requires_grad for p in family.parameters()):
        raise ConfigError(f"frozen: {', '.join(parts)} leaves nothing to train")


def keeps_features(family: Family) -> bool:
    """Whether nothing of the tower is trained, so that what it makes of a picture may be kept."""
    return not any(p.requires_grad for p in family.tower.parameters())


def fingerprint(named: Iterable[tuple[str, Tensor]]) -> str:
    """Digest of tensors, bit for bit and with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(named):
        here = tensor.to_local() if hasattr(tensor, "to_local") else tensor
        digest.update(f"{name}|{here.dtype}|{tuple(here.shape)}".encode())
        digest.update(here.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class FrozenGuard:
    """Holds the frozen weights of a model to what they were (on each rank, its own share of them)."""

    def __init__(self, family: nn.Module) -> None:
        self._family = family
        self._before = self._digest()

    def check(self) -> None:
        """Raises: FrozenChangedError if one bit of them is another."""
        if self._digest() != self._before:
            raise FrozenChangedError(
                "frozen weights changed while training: nothing was saved; please report this with the config"
            )

    def _digest(self) -> str:
        return fingerprint((n, p) for n, p in self._family.named_parameters() if not p.requires_grad)


def make_optimizer(
    family: Family, learning_rate: float, weight_decay: float, rates: Mapping[Part, float]
) -> torch.optim.AdamW:
    """AdamW over what is trained, a group for each part with and without weight decay.

    A group's `part` and `factor` say what it is and by how much its rate differs.
    """
    groups: dict[tuple[Part, bool], list[nn.Parameter]] = {}
    for name, p in family.model.named_parameters():
        if p.requires_grad:
            groups.setdefault((part_of(name), p.ndim > 1), []).append(p)
    return torch.optim.AdamW(
        [
            {
                "params": params,
                "part": part,
                "factor": rates.get(part, 1.0),
                "weight_decay": weight_decay if decayed else 0.0,
            }
            for (part, decayed), params in groups.items()
        ],
        lr=learning_rate,
        betas=(0.9, 0.98),
    )
