"""Which frames of a long video are looked at, when there are more than the budget allows: pure rules.

Frames are handed out like seats: every shot has one, the longest shots first; then the next frame goes to the shot
with the highest duration / (frames it has + 1), the highest averages of d'Hondt. The order of any two frames depends
on their own shots only, so the best of a video that is still being read are known at any time.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from typing import NamedTuple

from finesight.schema.video import Shot, ShotAnalysis
from finesight.video.settings import AnalysisSettings

STORED = 2
"""So many times the budget are kept as pictures, that a second look has something to choose from."""


class Seat(NamedTuple):
    """A frame's place in the order of importance, less is more important.

    tier: 0 for the first frame of a shot, 1 for others that are to be looked at, 2 for spare ones.
    """

    tier: int
    minus_average: float
    shot: int
    place: int
    frame: int


def seats(shot: Shot, regular: Sequence[int], spare: Sequence[int]) -> list[Seat]:
    """The seats of a shot's frames, given by number, each list the most telling first."""
    length = shot.end - shot.start
    found = []
    for place, frame in enumerate((*regular, *spare)):
        tier = 2 if place >= len(regular) else min(place, 1)
        found.append(Seat(tier, -length / (place + 1), shot.index, place, frame))
    return found


class Shelf:
    """The most important seats so far, no more than `size`; what has once gone does not come back."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.seats: list[Seat] = []

    def add(self, new: Iterable[Seat]) -> list[Seat]:
        """Take seats in; those that are gone for it, of the new ones too."""
        for seat in new:
            insort(self.seats, seat)
        gone = self.seats[self._size :]
        del self.seats[self._size :]
        return gone


def reserve(settings: AnalysisSettings) -> int:
    """Frames of the budget that wait for the worst shots."""
    return floor(settings.budget * settings.again)


def first_look(stored: Iterable[Seat], settings: AnalysisSettings) -> list[Seat]:
    """What is looked at first, in the order of the video."""
    regular = [seat for seat in sorted(stored) if seat.tier < 2]
    return sorted(regular[: settings.budget - reserve(settings)], key=lambda seat: seat.frame)


def second_look(
    stored: Iterable[Seat], looked: Iterable[Seat], shots: Sequence[ShotAnalysis], settings: AnalysisSettings
) -> list[Seat]:
    """More frames of the worst shots, in the order of the video; a shot without findings needs none."""
    scores: Mapping[int, float] = {
        one.shot.index: one.score for one in shots if one.score is not None and one.findings
    }
    count = ceil(len(shots) * settings.worst)
    worst = set(sorted(scores, key=lambda index: (scores[index], index))[:count])
    known = {seat.frame for seat in looked}
    left = [seat for seat in sorted(stored) if seat.shot in worst and seat.frame not in known]
    return sorted(left[: reserve(settings)], key=lambda seat: seat.frame)
