"""Which conversion a video and its shots get, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.hdr import FaceLight, FrameLight, Level, Light, ShotLight
from finesight.video.hdr.curves import PRESETS, lifted
from finesight.video.hdr.levels import FACE_STOPS, conversions, level_of, level_of_video, pooled

STOPS = {Level.D0: 2.0, Level.D1: 4.0, Level.D2: 7.0, Level.D3: 9.0}


def light(stops: float, p50: float = 0.2, flat: float = 0.0) -> Light:
    return Light(
        p05=0.01, p50=p50, p95=0.9, stops=stops, highlights=0.1, dark=0.1, clipped_flat=flat, clipped_small=0
    )


def shot(
    number: int, seconds: float, level: Level, flat: float = 0.0, face: float | None = None
) -> ShotLight:
    own = light(STOPS[level], flat=flat)
    faces = (
        ()
        if face is None
        else (FaceLight(box=Box.of(0, 0, 9, 9), face=face, surround=0.2, delta=0, headroom=1),)
    )
    frame = FrameLight(frame=number, light=own, faces=faces)
    return ShotLight(shot=number, start=0, end=seconds, frames=(frame,), light=own, level=level_of(own))


@given(st.floats(0, 10), st.floats(0, 10))
def test_more_range_is_no_lower_level(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert level_of(light(low)).rank <= level_of(light(high)).rank


def test_a_picture_that_is_bright_all_over_is_at_most_modest() -> None:
    assert level_of(light(9, p50=0.7)) is Level.D1
    assert level_of(light(1, p50=0.7)) is Level.D0


def test_the_level_of_a_video_is_that_of_most_of_its_time() -> None:
    video = pooled([shot(0, 10, Level.D2), shot(1, 3, Level.D0), shot(2, 3, Level.D3)])
    level, why = level_of_video(video)
    assert level is Level.D2
    assert "7.0 stops" in why
    assert (video.spread["stops"].p10, video.spread["stops"].p90) == (2, 9)
    assert level_of_video(pooled([]))[0] is Level.D0


def test_a_shot_goes_its_own_way_where_it_is_far_away_for_long() -> None:
    shots = [shot(0, 60, Level.D3), shot(1, 3, Level.D1), shot(2, 1, Level.D1), shot(3, 3, Level.D2)]
    chosen = conversions(pooled(shots))
    assert [one.level for one in chosen.shots] == [Level.D3, Level.D1, Level.D3, Level.D3]
    assert "2 levels from the video's D3" in chosen.shots[1].why[0]


def test_large_white_areas_are_placed_and_not_expanded() -> None:
    chosen = conversions(pooled([shot(0, 9, Level.D2), shot(1, 9, Level.D2, flat=0.3)]))
    assert [one.preset for one in chosen.shots] == ["expand1000", "place"]
    assert "30% of it" in chosen.shots[1].why[1]


@pytest.mark.parametrize("face", [0.05, 0.2, 0.5, 0.9])
def test_no_face_is_lifted_by_more_than_a_stop(face: float) -> None:
    """And the conversion is the strongest that spares it."""
    (one,) = conversions(pooled([shot(0, 9, Level.D3, face=face)])).shots
    assert lifted(PRESETS[one.preset], face) <= FACE_STOPS
    order = ["place", "expand600", "expand1000", "bt2446a"]
    stronger = order[order.index(one.preset) + 1 :]
    assert not stronger or lifted(PRESETS[stronger[0]], face) > FACE_STOPS
    assert len(one.why) == 1 + (one.preset != "bt2446a")


def test_a_person_overrules_the_rules() -> None:
    chosen = conversions(pooled([shot(0, 9, Level.D3)]), Level.D1, "person", "as asked")
    assert (chosen.level, chosen.by, chosen.why) == (Level.D1, "person", "as asked")
    assert chosen.shots[0].level is Level.D3  # it is two levels away for nine seconds
    assert conversions(pooled([shot(0, 1, Level.D3)]), Level.D1, "person", "").shots[0].preset == "expand600"
