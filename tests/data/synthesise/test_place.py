import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.synthesise.place import Placement, claim, conflict, find_place, hides
from finesight.data.synthesise.plan import Wish
from finesight.data.synthesise.region import Region
from finesight.data.synthesise.scene import Scene
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity as S

SIZE = 320, 240


def wish(kind: T, severity: S = S.MODERATE, area: float = 0.1) -> Wish:
    return Wish(kind, severity, area, "rectangle")


def at(kind: T, severity: S, *xyxy: int, area: float = 0.1) -> Placement:
    return Placement(wish(kind, severity, area), Region(*xyxy))


def test_a_place_is_found_where_there_is_detail() -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    rgb[120:, 160:] = np.random.default_rng(0).integers(0, 256, (120, 160, 1), dtype=np.uint8)
    scene = Scene.of(rgb)
    for seed in range(8):
        found = find_place(
            wish(T.EDGE_ALIASING_EFFECT, area=0.05), scene, [], SIZE, np.random.default_rng(seed)
        )
        assert found is not None
        assert found.x2 > 160
        assert found.y2 > 120


@given(st.floats(0.01, 0.6), st.integers(0, 100))
def test_a_place_lies_inside_the_image_and_has_about_the_wished_area(area: float, seed: int) -> None:
    scene = Scene.of(np.full((240, 320, 3), 128, np.uint8))
    found = find_place(wish(T.NOISE, area=area), scene, [], SIZE, np.random.default_rng(seed))
    assert found is not None
    assert 0 <= found.x1 < found.x2 <= 320
    assert 0 <= found.y1 < found.y2 <= 240
    share = (found.x2 - found.x1) * (found.y2 - found.y1) / (320 * 240)
    assert share == pytest.approx(area, rel=0.45), "very long ones are cut at the rim"


def test_a_global_distortion_takes_all_of_the_image_or_nearly() -> None:
    scene = Scene.of(np.full((240, 320, 3), 128, np.uint8))
    rng = np.random.default_rng(0)
    whole = find_place(wish(T.NOISE, area=1.0), scene, [], SIZE, rng)
    assert whole is not None
    assert whole.xyxy == (0, 0, 320, 240)
    most = find_place(Wish(T.NOISE, S.MINOR, 0.8, "feathered"), scene, [], SIZE, rng)
    assert most is not None
    assert most.box(*SIZE).area == pytest.approx(0.8, abs=0.08)


def test_over_and_underexposure_never_overlap() -> None:
    assert conflict(
        wish(T.OVEREXPOSURE), Region(0, 0, 100, 100), at(T.UNDEREXPOSURE, S.MINOR, 50, 50, 150, 150)
    )
    assert not conflict(
        wish(T.OVEREXPOSURE), Region(0, 0, 100, 100), at(T.UNDEREXPOSURE, S.MINOR, 100, 0, 200, 90)
    )


def test_nothing_local_lies_on_a_solid_surface() -> None:
    surface = at(T.MEANINGLESS_SOLID_COLOR, S.SEVERE, 0, 0, 200, 200)
    for kind in T:
        assert conflict(wish(kind), Region(50, 50, 150, 150), surface)


def test_a_surface_may_lie_under_noise_of_the_whole_image() -> None:
    noise = at(T.NOISE, S.MINOR, 0, 0, 320, 240, area=1.0)
    assert not conflict(wish(T.MEANINGLESS_SOLID_COLOR), Region(50, 50, 150, 150), noise)


def test_a_weaker_blur_is_not_placed_inside_a_stronger_one() -> None:
    strong = at(T.LOW_CLARITY, S.SEVERE, 0, 0, 320, 240, area=1.0)
    weak = at(T.LOW_CLARITY, S.MINOR, 0, 0, 320, 240, area=1.0)
    inside = Region(50, 50, 150, 150)
    assert conflict(wish(T.OUT_OF_FOCUS_BLUR, S.MODERATE), inside, strong)
    assert not conflict(wish(T.OUT_OF_FOCUS_BLUR, S.MODERATE), inside, weak)


@given(st.sampled_from(list(T)), st.sampled_from(list(T)), st.sampled_from(list(S)))
def test_what_hides_when_minor_hides_when_severe_too(upper: T, lower: T, lower_severity: S) -> None:
    if hides(upper, S.MINOR, lower, lower_severity):
        assert hides(upper, S.SEVERE, lower, lower_severity)


@given(st.integers(0, 60))
def test_claims_never_conflict_with_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = Scene.of(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    kinds = list(T)
    wishes = [
        wish(kinds[rng.integers(10)], list(S)[rng.integers(3)], float(rng.choice([0.05, 0.2, 1.0])))
        for _ in range(8)
    ]
    claimed = claim(wishes, scene, SIZE, rng)
    for i, one in enumerate(claimed):
        for other in claimed[i + 1 :]:
            assert not conflict(one.wish, one.region, other)
