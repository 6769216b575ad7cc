"""Splits annotated pictures into training and test sides by photograph, so that no photograph is on both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finesight.data.photos import photograph_of
from finesight.errors import ConfigError
from finesight.schema.annotation import Annotation


@dataclass(frozen=True)
class Split:
    """Both sides in the order the pictures came in."""

    train: tuple[Annotation, ...]
    test: tuple[Annotation, ...]


def split(
    annotations: Sequence[Annotation], test_share: float, seed: int, same: Iterable[tuple[str, str]] = ()
) -> Split:
    """Put about `test_share` of the photographs, with all their pictures, on the test side.

    A picture without a source counts as a photograph of its own, frames of one shot as one photograph.

    Args:
        test_share: of the photographs, above 0 and below 1.
        same: pairs of sources that show the same; they stay together.

    Raises:
        ConfigError: the share is out of range, or there are fewer than two photographs.
    """
    chosen = held_out((_source(a) for a in annotations), test_share, seed, same)
    return Split(
        train=tuple(a for a in annotations if _source(a) not in chosen),
        test=tuple(a for a in annotations if _source(a) in chosen),
    )


def held_out(
    sources: Iterable[str], test_share: float, seed: int, same: Iterable[tuple[str, str]] = ()
) -> frozenset[str]:
    """The sources of the test side: the photographs whose hash with the seed comes first.

    Ranking by hash gives the exact share whatever the number of photographs, and adding one moves at most
    one other to the other side.
    """
    if not 0 < test_share < 1:
        raise ConfigError(f"test share {test_share} is not between 0 and 1")
    group = _groups(set(sources), same)
    ranked = sorted(set(group.values()), key=lambda name: _rank(name, seed))
    if len(ranked) < 2:
        raise ConfigError(f"a split needs two photographs or more, not {len(ranked)}")
    count = min(max(1, round(test_share * len(ranked))), len(ranked) - 1)
    chosen = set(ranked[:count])
    return frozenset(source for source, name in group.items() if name in chosen)


def _source(annotation: Annotation) -> str:
    return annotation.source or annotation.image


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}|{name}".encode()).digest()


def _groups(sources: set[str], same: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Source -> name of its photograph, the alphabetically first of those that show the same."""
    name = {source: photograph_of(source) for source in sources}
    for first, second in same:
        if first in name and second in name:
            kept, gone = sorted((name[first], name[second]))
            name = {source: kept if of == gone else of for source, of in name.items()}
    return name
