"""Who is kept where there are more prompts than wanted: subclasses and types take turns."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from finesight.data.mine.settings import MiningSettings
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType

T = TypeVar("T")


class Lot(NamedTuple):
    """What the draw knows of a prompt: the place of its (first) question, its subclass, the types it names."""

    place: int
    subclass: Subclass
    types: tuple[DistortionType, ...]


def drawn(lots: Sequence[Lot], settings: MiningSettings) -> set[int]:
    """The places of the lots that stay within the budgets.

    Subclasses take turns, within each the types, and of one type the next is drawn by the seed. So a subclass (or
    type) has as many as any other until it has none left, and a larger budget keeps what a smaller one did.
    """
    return {lot.place for lot in islice(_order(lots, settings), settings.budget)}


def _order(lots: Sequence[Lot], settings: MiningSettings) -> Iterator[Lot]:
    rarest = _rarest(lots)
    by_subclass, by_type = (settings.balance in ("both", what) for what in ("subclass", "type"))

    def in_subclass(some: Sequence[Lot]) -> Iterator[Lot]:
        return _turns(some, rarest if by_type else _alike, by_lot)

    def by_lot(some: Sequence[Lot]) -> Iterator[Lot]:
        return iter(sorted(some, key=lambda lot: _rank(lot, settings.seed)))

    within = _within_own_budgets(lots, settings, in_subclass)
    return _turns(within, lambda lot: lot.subclass if by_subclass else "", in_subclass)


def _within_own_budgets(
    lots: Sequence[Lot], settings: MiningSettings, order: Callable[[Sequence[Lot]], Iterator[Lot]]
) -> list[Lot]:
    """The lots without those that are over the budget of their own subclass."""
    return [
        lot
        for subclass, some in _parted(lots, lambda lot: lot.subclass)
        for lot in islice(order(some), settings.most(subclass))
    ]


def _turns(
    lots: Sequence[Lot], key: Callable[[Lot], Hashable], order: Callable[[Sequence[Lot]], Iterator[Lot]]
) -> Iterator[Lot]:
    """One lot of each key after the other, round by round; those of a key in their own order."""
    return _round_robin(order(some) for _, some in _parted(lots, key))


def _round_robin(queues: Iterable[Iterator[T]]) -> Iterator[T]:
    waiting = list(queues)
    while waiting:
        left = []
        for queue in waiting:
            for item in islice(queue, 1):
                yield item
                left.append(queue)
        waiting = left


def _parted(lots: Sequence[Lot], key: Callable[[Lot], T]) -> list[tuple[T, list[Lot]]]:
    """The lots of each key; keys in the order of their names, so that the order of the lots is of no account."""
    parts: dict[T, list[Lot]] = {}
    for lot in lots:
        parts.setdefault(key(lot), []).append(lot)
    return sorted(parts.items(), key=lambda part: str(part[0]))


def _rarest(lots: Iterable[Lot]) -> Callable[[Lot], str]:
    """The type a lot stands for: of those it names the one that the fewest lots name, "" where it names none."""
    named = Counter(type_ for lot in lots for type_ in lot.types)
    return lambda lot: min(lot.types, key=lambda type_: (named[type_], type_), default="")


def _alike(lot: Lot) -> str:
    return ""


def _rank(lot: Lot, seed: int) -> bytes:
    """By hash and not by shuffling: a lot more or less moves no other."""
    return hashlib.sha256(f"{seed}|{lot.place}".encode()).digest()
