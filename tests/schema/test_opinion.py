import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.opinion import BEST_MOS, centrality, mean_opinion_score, penalty, significance
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity as S


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x1, y1 = draw(st.integers(0, 900)), draw(st.integers(0, 900))
    return Box.of(x1, y1, draw(st.integers(x1 + 50, 1000)), draw(st.integers(y1 + 50, 1000)))


@given(st.sampled_from(list(T)), boxes())
def test_significance_grows_with_severity(kind: T, box: Box) -> None:
    assert 0 < significance(kind, S.MINOR, box) < significance(kind, S.MODERATE, box)
    assert significance(kind, S.MODERATE, box) < significance(kind, S.SEVERE, box)


def test_significance_grows_with_extent_and_with_nearness_to_the_middle() -> None:
    small, large = Box.of(400, 400, 600, 600), Box.of(200, 200, 800, 800)
    corner = Box.of(0, 0, 200, 200)
    assert significance(T.NOISE, S.MINOR, corner) < significance(T.NOISE, S.MINOR, small)
    assert significance(T.NOISE, S.MINOR, small) < significance(T.NOISE, S.MINOR, large)


@given(st.lists(st.floats(0.01, 1.7), max_size=11), st.floats(0.01, 1.7))
def test_every_further_distortion_lowers_the_score_within_1_and_5(
    penalties: list[float], more: float
) -> None:
    score = mean_opinion_score(penalties)
    assume(score > 1 + 1e-9)
    assert 1 <= mean_opinion_score([*penalties, more]) < score <= BEST_MOS


def test_a_clean_picture_is_excellent_and_a_ruined_one_is_bad() -> None:
    whole = Box.of(0, 0, 1000, 1000)
    assert mean_opinion_score([]) == BEST_MOS >= 4.2
    assert mean_opinion_score([penalty(kind, S.SEVERE, whole) for kind in (T.NOISE, T.MOTION_BLUR)]) < 1.8


def test_centrality_is_1_in_the_middle_and_0_in_a_corner() -> None:
    assert centrality(Box.of(300, 300, 700, 700)) == pytest.approx(1)
    assert centrality(Box.of(0, 0, 0, 0)) == pytest.approx(0)
