"""Frames within a budget: every shot first, then the longest, and the worst ones again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Shot, ShotAnalysis, VideoFinding
from finesight.video.budget import Seat, Shelf, first_look, reserve, seats, second_look
from finesight.video.settings import AnalysisSettings

LENGTHS = st.lists(st.integers(1, 600), min_size=1, max_size=40)


def seats_of(lengths: list[int], regular: int = 5, spare: int = 3) -> list[list[Seat]]:
    """Of shots one behind the other, ten frames a second."""
    found, start = [], 0
    for index, length in enumerate(lengths):
        shot = Shot(index=index, start=start, end=start + length, first_frame=start * 10, frames=length * 10)
        frames = [start * 10 + i for i in range(regular + spare)]
        found.append(seats(shot, frames[:regular], frames[regular:]))
        start += length
    return found


def analysis(index: int, score: float | None, flawed: bool = True) -> ShotAnalysis:
    finding = VideoFinding(
        id="x",
        type=DistortionType.NOISE,
        severity=Severity.MINOR,
        share=1,
        box=Box.of(0, 0, 1, 1),
        start=0,
        end=1,
    )
    shot = Shot(index=index, start=index, end=index + 1, first_frame=index, frames=1)
    return ShotAnalysis(shot=shot, frames=(), findings=(finding,) * flawed, score=score)


@given(LENGTHS, st.integers(1, 60))
def test_a_shelf_filled_as_shots_come_holds_what_sorting_all_at_once_would(
    lengths: list[int], size: int
) -> None:
    shelf, gone = Shelf(size), []
    for one in seats_of(lengths):
        gone += shelf.add(one)
    everything = [seat for one in seats_of(lengths) for seat in one]
    assert shelf.seats == sorted(everything)[:size]
    assert sorted([*shelf.seats, *gone]) == sorted(everything)


@given(LENGTHS, st.integers(1, 60))
def test_the_first_look_keeps_to_its_part_and_sees_every_shot_it_can(lengths: list[int], budget: int) -> None:
    settings = AnalysisSettings(budget=budget)
    stored = [seat for one in seats_of(lengths) for seat in one]
    looked = first_look(stored, settings)
    part = budget - reserve(settings)
    assert len(looked) == min(part, 5 * len(lengths))
    assert len({seat.shot for seat in looked}) == min(part, len(lengths))
    assert [seat.frame for seat in looked] == sorted(seat.frame for seat in looked)
    assert all(seat.tier < 2 for seat in looked)


def test_where_there_are_fewer_frames_than_shots_the_longest_shots_are_seen() -> None:
    stored = [seat for one in seats_of([5, 50, 7, 60, 6]) for seat in one]
    looked = first_look(stored, AnalysisSettings(budget=2, again=0))
    assert [seat.shot for seat in looked] == [1, 3]


def test_frames_beyond_the_first_are_handed_out_by_dhondt() -> None:
    """The usual example: votes 100, 80, 30, 20 and 8 seats give 4, 3, 1, 0. Here all have one first."""
    stored = [seat for one in seats_of([100, 80, 30, 20], regular=9) for seat in one]
    looked = first_look(stored, AnalysisSettings(budget=9, again=0))
    assert Counter(seat.shot for seat in looked) == {0: 4, 1: 3, 2: 1, 3: 1}


def test_the_worst_shots_with_findings_are_looked_at_again_and_no_frame_twice() -> None:
    stored = [seat for one in seats_of([10] * 10) for seat in one]
    settings = AnalysisSettings(budget=80, again=0.1, worst=0.2)
    looked = first_look(stored, settings)
    scores = [3, 4, 1, 2, 3, 3, 3, 1.5, 3, None]
    shots = [analysis(i, score, flawed=i != 2) for i, score in enumerate(scores)]
    again = second_look(stored, looked, shots, settings)
    assert {seat.shot for seat in again} == {3, 7}  # shot 2 is worse and has no finding
    assert len(again) == 6 <= reserve(settings)
    assert not {seat.frame for seat in again} & {seat.frame for seat in looked}


@pytest.mark.parametrize("again", [0, 0.5])
def test_the_second_look_keeps_to_what_was_put_by(again: float) -> None:
    stored = [seat for one in seats_of([10] * 10) for seat in one]
    settings = AnalysisSettings(budget=8, again=again, worst=1)
    looked = first_look(stored, settings)
    shots = [analysis(i, 2) for i in range(10)]
    assert len(looked) + len(second_look(stored, looked, shots, settings)) == 8
