"""The processes of a run: one by itself, or as many as torchrun started, on CPUs or one GPU each.

Every rank knows the whole plan, so what has to be agreed on is little: gradients, sums of losses, and who
writes. Nothing here waits for a rank that may have nothing to do, as all have equally many passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from finesight.model.family import Family
from finesight.train.parts import keeps_features

Distribution = Literal["ddp", "fsdp"]
_PATIENCE = timedelta(days=30)
_TOGETHER: ContextVar[bool] = ContextVar("together", default=False)


@contextmanager
def together() -> Iterator[None]:
    """Around several runs, one after the other in the same processes: those part behind the last one only."""
    token = _TOGETHER.set(True)
    try:
        yield
    finally:
        _TOGETHER.reset(token)
    if dist.is_initialized():
        dist.destroy_process_group()


class Ranks:
    """This process among those of the run.

    Args:
        distribution: ddp, every rank has the whole model; fsdp, each a share of it (FSDP2).
        precision: of the passes; weights that are trained are kept in 32 bits in any case.
        trackers: of accelerate, where metrics go besides metrics.jsonl.
    """

    def __init__(
        self,
        distribution: Distribution = "ddp",
        precision: Literal["fp32", "bf16"] = "fp32",
        trackers: tuple[str, ...] = (),
        run: Path | None = None,
    ) -> None:
        self._accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), log_with=list(trackers) or None, project_dir=run
        )
        self.distribution = distribution
        self.precision = precision
        self.index: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes
        self.device: torch.device = self._accelerator.device

    @property
    def main(self) -> bool:
        """Whether this is the rank that writes and talks."""
        return self.index == 0

    @property
    def sharded(self) -> bool:
        return self.distribution == "fsdp" and self.count > 1

    def share(self, family: Family) -> nn.Module:
        """The module whose forward pass is to be called: the model, ready for all ranks to train it together.

        Trained weights become float32. A tower that is frozen and makes features to be kept stays whole on every
        rank, as it runs there by itself.
        """
        if self.sharded:
            self._shard(family)
            return family
        _upcast(family)
        if self.count == 1:
            return family
        # A dense-only step of nano leaves its decoder alone.
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(family, device_ids=ids, find_unused_parameters=family.dense)

    def _shard(self, family: Family) -> None:
        mesh = init_device_mesh(self.device.type, (self.count,))
        low = torch.bfloat16 if self.precision == "bf16" else None
        policy = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=torch.float32)
        alone = set(family.tower.parameters()) if keeps_features(family) else set()
        for block in family.blocks():
            if not alone.issuperset(block.parameters()):
                # Block by block, so that no rank ever holds the whole model in 32 bits.
                _upcast(block)
                fully_shard(block, mesh=mesh, mp_policy=policy)
        _upcast(family)
        fully_shard(family, mesh=mesh, mp_policy=policy, ignored_params=alone)
        family.tower.to(self.device)

    @contextmanager
    def gathering(self, module: nn.Module, last: bool) -> Iterator[None]:
        """Around a pass: gradients of the ranks are put together behind the last one of a step.

        Shares of them behind every one: until then each rank would hold the gradient of the whole model.
        """
        ddp = isinstance(module, DistributedDataParallel)
        with module.no_sync() if ddp and not last else nullcontext():  # type: ignore[operator]
            yield

    @contextmanager
    def whole(self, module: nn.Module) -> Iterator[None]:
        """While answers are sampled: all weights stand on every rank, so that none has to wait for another."""
        parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
        for part in parts:
            part.unshard()
            part.set_reshard_after_forward(False, recurse=False)
        try:
            yield
        finally:
            for part in parts:
                part.set_reshard_after_forward(part is not module, recurse=False)
                part.reshard()

    def settle(self, module: nn.Module) -> None:
        """Behind passes without gradients: shares of weights that were put together for them are shares again."""
        for part in module.modules():
            if isinstance(part, FSDPModule):
                part.reshard()

    def computing(self) -> Any:
        """Around a forward pass: the context of its precision. Sharded weights bring their own."""
        low = self.precision == "bf16" and not self.sharded
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low)

    def clip(self, parameters: Iterable[nn.Parameter], most: float) -> float:
        """Scale gradients down to a norm of at most `most`; returns the norm they had."""
        norm = nn.utils.clip_grad_norm_(parameters, most)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over all ranks."""
        if self.count == 1:
            return numbers
        out: Tensor = self._accelerator.reduce(numbers, reduction="sum")
        return out

    def gather(self, items: list[Any]) -> list[Any]:
        """The lists of all ranks, end to end."""
        found: list[Any] = gather_object(items) if self.count > 1 else items
        return found

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Around work of uneven length that each rank does by itself: behind it they wait for the last one.

        However long that takes, where any other wait gives up after some minutes.
        """
        if self.count == 1:
            yield
            return
        patient = dist.new_group(backend="gloo", timeout=_PATIENCE)
        yield
        dist.barrier(group=patient)
        dist.destroy_process_group(patient)

    def wait(self) -> None:
        self._accelerator.wait_for_everyone()

    def begin_tracking(self, name: str, settings: Mapping[str, Any]) -> None:
        """Tell the trackers what run this is; no effect without trackers."""
        if self._accelerator.log_with:
            plain = {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in settings.items()}
            self._accelerator.init_trackers(name, config=plain)

    def track(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._accelerator.log_with:
            self._accelerator.log(dict(numbers), step=step)

    def close(self) -> None:
        """End of the run; all ranks get here together, and part, where nothing comes behind it (see `together`)."""
        self.wait()
        if _TOGETHER.get():
            for tracker in self._accelerator.trackers:
                tracker.finish()
        else:
            self._accelerator.end_training()


def _upcast(module: nn.Module) -> None:
    """Trained weights to float32, in which small updates are not lost."""
    for parameter in module.parameters():
        if parameter.requires_grad and not isinstance(parameter, DTensor):
            parameter.data = parameter.data.float()
