"""Which frames of a shot are looked at: the numbers, the spread, and that the pool stays small."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.frames import Decoded
from finesight.video.sampling import POOL, Pool, evenly, farthest_first, wanted
from finesight.video.settings import AnalysisSettings

SETTINGS = AnalysisSettings()
TIMES = st.lists(st.floats(0, 100), min_size=1, max_size=30, unique=True).map(sorted)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0, 3), (1.99, 3), (2, 5), (10, 5), (10.1, 6), (25, 7), (45, 9), (6000, 9)]
)
def test_how_many_frames_hangs_on_the_length(seconds: float, frames: int) -> None:
    assert wanted(seconds, SETTINGS) == frames


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_longer_shot_never_has_fewer_frames(one: float, other: float) -> None:
    assert wanted(min(one, other), SETTINGS) <= wanted(max(one, other), SETTINGS)


@given(TIMES, st.integers(1, 16))
def test_even_choice_is_in_order_and_without_repeats(times: list[float], count: int) -> None:
    chosen = evenly(times, 0, 100, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(times))


def test_even_choice_takes_the_middles_of_equal_parts() -> None:
    assert evenly([float(t) for t in range(100)], 0, 100, 4) == [12, 37, 62, 87]


@given(TIMES)
def test_farthest_first_is_an_order_of_all_whose_gaps_only_shrink(times: list[float]) -> None:
    order = farthest_first(times)
    assert sorted(order) == list(range(len(times)))
    gaps = [min(abs(times[i] - times[j]) for j in order[:n]) for n, i in enumerate(order) if n]
    assert gaps == sorted(gaps, reverse=True)


def offered(steps: list[float], brightness: list[float] | None = None) -> tuple[Pool, list[Decoded]]:
    pool, frames, time = Pool(0.0, 0.04), [], 0.0
    for ordinal, step in enumerate(steps):
        frames.append(Decoded(ordinal, time, None))
        pool.offer(frames[-1], brightness[ordinal] if brightness else 0.0)
        time += step
    return pool, frames


@given(st.lists(st.sampled_from([0.02, 0.04, 0.1, 2.0]), min_size=1, max_size=400))
def test_the_pool_is_never_full_of_more_than_it_may_hold(steps: list[float]) -> None:
    pool, frames = offered(steps)
    assert 1 <= len(pool.frames) <= POOL
    assert pool.held <= POOL + 2
    assert pool.frames[0] == frames[0]
    assert [f.ordinal for f in pool.frames] == sorted(f.ordinal for f in pool.frames)


@given(st.integers(POOL * 2, 5000))
def test_the_pool_covers_an_even_shot_evenly(count: int) -> None:
    pool, _ = offered([0.04] * count)
    kept = [frame.ordinal for frame in pool.frames]
    gaps = {b - a for a, b in itertools.pairwise(kept)}
    assert len(kept) >= POOL / 2
    assert max(gaps) - min(gaps) <= 1
    assert count - kept[-1] <= max(gaps)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=60))
def test_the_darkest_and_the_brightest_are_kept_wherever_they_are(values: list[int]) -> None:
    pool, _ = offered([0.04] * len(values), [float(v) for v in values])
    first = {values.index(min(values)), values.index(max(values))}
    assert {frame.ordinal for frame in pool.extremes} == first
