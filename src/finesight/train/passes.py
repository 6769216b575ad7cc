"""The passes of a step: what a process runs between two updates, so that their gradients add up to the step's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from finesight.errors import InputError
from finesight.model.family import Visual
from finesight.train.pictures import Pictures
from finesight.train.ranks import Ranks

T = TypeVar("T")


class Ready(NamedTuple, Generic[T]):
    """Items of a pass with their pictures; weight: 0 where they only keep a rank in step with the others."""

    items: list[T]
    seen: list[Visual]
    weight: float


class PassLoss(NamedTuple):
    """What a pass gives: `objective` is differentiated; `told` are shares of the step's numbers, summed up."""

    objective: Tensor
    told: dict[str, Tensor]


class Readable(Generic[T]):
    """Items with their pictures, those left out whose picture cannot be read any more.

    Where none is left, another one stands in without weight: a pass without a picture would leave out weights
    that the other ranks wait for.
    """

    def __init__(
        self,
        pictures: Pictures,
        path_of: Callable[[T], Path],
        others: Callable[[], Iterable[T]],
        say: Callable[[str], None],
    ) -> None:
        """others: where a stand-in is taken from. say: is told of pictures that fail."""
        self._pictures = pictures
        self._path_of = path_of
        self._others = others
        self._say = say
        self._spare: tuple[T, Visual] | None = None
        self.skipped = 0
        """Pictures of this rank that could be read before the run and could not any more in it."""

    def of(self, items: Iterable[T]) -> Ready[T]:
        """The items of a pass, ready to be laid out.

        Raises:
            InputError: no picture at all can be read any more.
        """
        good, seen = [], []
        for item in items:
            try:
                seen.append(self._pictures[self._path_of(item)])
                good.append(item)
            except InputError as error:
                self.skipped += 1
                self._say(str(error))
        if good:
            self._spare = (good[0], seen[0])
            return Ready(good, seen, 1.0)
        item, picture = self._spare or self._first()
        return Ready([item], [picture], 0.0)

    def _first(self) -> tuple[T, Visual]:
        for item in self._others():
            try:
                return item, self._pictures[self._path_of(item)]
            except InputError:
                continue
        raise InputError("none of the pictures can be read any more")


def run_passes(
    module: nn.Module, ranks: Ranks, passes: Sequence[T], loss_of: Callable[[int, T], PassLoss]
) -> dict[str, float]:
    """Leave the gradient of the summed objectives, over all passes and ranks, in the weights.

    Args:
        passes: of this rank; all ranks have equally many.
        loss_of: what a pass, given with its number, gives.

    Returns:
        What the passes of all ranks told, summed by name.
    """
    sums: dict[str, Tensor] = {}
    for number, items in enumerate(passes):
        with ranks.gathering(module, last=number == len(passes) - 1):
            with ranks.computing():
                objective, told = loss_of(number, items)
            # Gradients of the ranks are averaged, and the objective is a sum over them.
            (objective * ranks.count).backward()  # type: ignore[no-untyped-call]
        for name, value in told.items():
            sums[name] = sums.get(name, torch.zeros((), device=value.device)) + value.detach()
    together = ranks.total(torch.stack(list(sums.values())))
    return dict(zip(sums, together.tolist(), strict=True))
