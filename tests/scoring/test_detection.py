"""F1 of types and boxes, severity of what was found, average precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.scoring.detection import average_precision, box_f1, severity_accuracy, type_f1

NOISE, BLUR, DARK = DistortionType.NOISE, DistortionType.MOTION_BLUR, DistortionType.UNDEREXPOSURE
CORNER = st.integers(0, 4).map(lambda n: n * 250)
boxes = st.tuples(CORNER, CORNER, CORNER, CORNER).map(
    lambda c: Box.of(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
findings = st.builds(
    Finding, type=st.sampled_from([NOISE, BLUR]), severity=st.sampled_from(Severity), box=boxes
)
pictures = st.lists(st.tuples(st.lists(findings, max_size=3), st.lists(findings, max_size=3)), max_size=4)


def finding(kind, x1, y1, x2, y2, severity=Severity.MINOR):
    return Finding(type=kind, severity=severity, box=Box.of(x1, y1, x2, y2))


PREDICTED = [
    [finding(NOISE, 0, 0, 100, 100), finding(NOISE, 0, 0, 90, 100), finding(BLUR, 0, 0, 500, 500)],
    [],
]
TRUE = [
    [finding(NOISE, 0, 0, 100, 100, Severity.SEVERE), finding(BLUR, 500, 500, 900, 900)],
    [finding(DARK, 0, 0, 9, 9)],
]


def test_types_count_once_a_picture_wherever_they_are():
    score = type_f1(PREDICTED, TRUE)
    assert (score.hits, score.predicted, score.actual) == (2, 2, 3)
    assert (score.precision, score.recall, score.f1) == pytest.approx((1, 2 / 3, 0.8))
    assert set(score.per_type) == {NOISE, BLUR, DARK}
    assert score.per_type[DARK].f1 == 0


def test_boxes_match_one_to_one_at_half_overlap():
    score = box_f1(PREDICTED, TRUE)
    assert (score.hits, score.predicted, score.actual) == (1, 3, 3)
    assert (score.precision, score.recall, score.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert score.per_type[NOISE].precision == 0.5
    assert score.per_type[BLUR].recall == 0


def test_the_overlap_asked_for_is_the_one_used():
    predicted, true = [[finding(NOISE, 0, 0, 60, 100)]], [[finding(NOISE, 0, 0, 100, 100)]]
    assert box_f1(predicted, true, iou=0.6).f1 == 1
    assert box_f1(predicted, true, iou=0.61).f1 == 0


def test_severity_is_judged_on_matched_boxes_only():
    share = severity_accuracy(PREDICTED, TRUE)
    assert (share.correct, share.total, share.value) == (0, 1, 0.0)
    assert severity_accuracy(TRUE, TRUE).value == 1
    assert severity_accuracy([[]], [[]]).value is None


def test_saying_nothing_earns_nothing():
    assert box_f1([[]], [[]]).f1 == type_f1([[]], [[]]).f1 == 0
    assert box_f1([[]], TRUE[:1]).precision == 0


def test_sets_of_different_length_are_an_error():
    with pytest.raises(ValueError):
        type_f1(PREDICTED, TRUE[:1])


@given(pictures, st.randoms())
def test_the_order_of_pictures_and_findings_changes_nothing(both, random):
    shuffled = random.sample(
        [(random.sample(p, len(p)), random.sample(t, len(t))) for p, t in both], len(both)
    )
    for score in (box_f1, type_f1):
        assert score(*_sides(both)) == score(*_sides(shuffled))


@given(pictures, boxes)
def test_a_false_positive_never_raises_precision_nor_f1_nor_changes_recall(both, box):
    predicted, true = _sides([*both, ([], [])])
    before = box_f1(predicted, true)
    wrong = Finding(type=DARK, severity=Severity.MINOR, box=box)
    after = box_f1([*predicted[:-1], [wrong]], true)
    assert after.precision <= before.precision
    assert after.f1 <= before.f1
    assert after.recall == before.recall


@given(pictures)
def test_truth_against_itself_is_perfect(both):
    true = [[f for f in t if f.box.area] for _, t in both]
    distinct = [list({(f.type, f.box): f for f in t}.values()) for t in true]
    score = box_f1(distinct, distinct)
    assert score.hits == score.predicted == score.actual


def slow_average_precision(hits, actual):
    """The definition, word by word: at every recall, the best precision at that recall or a higher."""
    points = [(sum(hits[:n]) / actual, sum(hits[:n]) / n) for n in range(1, len(hits) + 1)]
    area, before = 0.0, 0.0
    for recall in sorted({r for r, _ in points}):
        area += (recall - before) * max(p for r, p in points if r >= recall)
        before = recall
    return area


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 5))
def test_average_precision_is_the_area_of_its_definition(hits, spare):
    actual = sum(hits) + spare
    if actual == 0:
        assert average_precision(hits, actual) == 0
        return
    found = average_precision(hits, actual)
    assert found == pytest.approx(slow_average_precision(hits, actual), abs=1e-12)
    assert 0 <= found <= 1


def test_average_precision_of_a_case_worked_by_hand():
    # Precision 1, 1/2, 2/3, 2/4, 3/5 at recall 1/4, 1/4, 2/4, 2/4, 3/4; the last true box is never found.
    assert average_precision([True, False, True, False, True], 4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


@given(st.lists(st.booleans(), max_size=10), st.integers(1, 5), st.integers(0, 10))
def test_a_false_positive_never_raises_average_precision(hits, spare, place):
    worse = [*hits[:place], False, *hits[place:]]
    actual = sum(hits) + spare
    assert average_precision(worse, actual) <= average_precision(hits, actual) + 1e-12


def _sides(both):
    return [p for p, _ in both], [t for _, t in both]


def test_numpy_booleans_are_hits_too():
    assert average_precision(list(np.array([True, True])), 2) == 1
