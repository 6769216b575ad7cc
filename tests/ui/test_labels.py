"""Labels never cover each other nor leave the picture."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.ui.labels import Rect, coincident, place_labels

CANVAS = (300, 200)
xs = st.lists(st.integers(0, 300), min_size=2, max_size=2).map(sorted)
ys = st.lists(st.integers(0, 200), min_size=2, max_size=2).map(sorted)
boxes = st.builds(lambda x, y: (x[0], y[0], x[1], y[1]), xs, ys)
sizes = st.tuples(st.integers(1, 320), st.integers(1, 60))


@given(st.lists(st.tuples(boxes, sizes), max_size=12))
def test_labels_are_disjoint_and_inside(wanted: list[tuple[Rect, tuple[int, int]]]) -> None:
    places = place_labels([box for box, _ in wanted], [size for _, size in wanted], CANVAS)
    assert len(places) == len(wanted)
    for place, (_, (width, height)) in zip(places, wanted, strict=True):
        if place is not None:
            assert (place[2] - place[0], place[3] - place[1]) == (width, height)
            assert place[0] >= 0
            assert place[1] >= 0
            assert place[2] <= CANVAS[0]
            assert place[3] <= CANVAS[1]
    for a, b in combinations([place for place in places if place], 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_label_stands_on_its_box_where_there_is_room() -> None:
    assert place_labels([(50, 80, 150, 180)], [(60, 20)], CANVAS) == [(50, 60, 110, 80)]


def test_a_label_goes_inside_a_box_that_touches_the_top() -> None:
    assert place_labels([(50, 0, 150, 180)], [(60, 20)], CANVAS) == [(50, 0, 110, 20)]


def test_the_same_box_many_times_still_gets_a_label_each() -> None:
    places = place_labels([(0, 0, 300, 200)] * 20, [(60, 20)] * 20, CANVAS)
    assert None not in places


def test_a_label_larger_than_the_picture_is_left_out() -> None:
    assert place_labels([(0, 0, 10, 10)], [(400, 20)], CANVAS) == [None]


def test_coincident_boxes_know_the_ones_beneath() -> None:
    whole, nearly, part = Box.of(0, 0, 1000, 1000), Box.of(0, 0, 980, 1000), Box.of(0, 0, 500, 500)
    assert coincident([whole, part, nearly, part]) == [[], [], [0], [1]]
