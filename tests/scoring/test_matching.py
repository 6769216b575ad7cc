"""Overlaps and one-to-one matching of boxes."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from finesight.schema.box import Box
from finesight.schema.challenge import TypedBox
from finesight.schema.taxonomy import DistortionType
from finesight.scoring.matching import best_match, iou_matrix, match_typed, optimal_match

CORNER = st.integers(0, 1000)
boxes = st.tuples(CORNER, CORNER, CORNER, CORNER).map(
    lambda c: Box.of(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
some_boxes = st.lists(boxes, max_size=5)
overlaps = hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4), elements=st.floats(0, 1))


def test_overlap_is_counted_without_the_plus_one_of_pixels():
    assert iou_matrix([Box.of(0, 0, 10, 10)], [Box.of(5, 0, 15, 10)]) == pytest.approx(50 / 150)


@given(some_boxes, some_boxes)
def test_overlap_is_symmetric_bounded_and_that_of_the_boxes_themselves(first, second):
    matrix = iou_matrix(first, second)
    assert matrix.shape == (len(first), len(second))
    np.testing.assert_array_equal(matrix, iou_matrix(second, first).T)
    np.testing.assert_allclose(matrix.ravel(), [a.iou(b) for a in first for b in second], atol=1e-12)
    assert ((matrix >= 0) & (matrix <= 1)).all()


@given(boxes)
def test_a_box_with_an_area_overlaps_itself_wholly(box):
    assert iou_matrix([box], [box])[0, 0] == (1 if box.area else 0)


def exhaustive(overlap, threshold):
    """(pairs, summed overlap) of the best matching, by trying every assignment."""
    if overlap.shape[0] > overlap.shape[1]:
        overlap = overlap.T
    rows = range(overlap.shape[0])
    found = []
    for columns in permutations(range(overlap.shape[1]), overlap.shape[0]):
        kept = [overlap[i, j] for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= threshold]
        found.append((len([x for x in kept if x > 0]), sum(kept)))
    return max(found)


@given(overlaps, st.sampled_from([0.0, 0.3, 0.5]))
def test_matching_finds_as_many_pairs_as_possible_and_of_those_the_best(overlap, threshold):
    pairs = optimal_match(overlap, threshold)
    count, total = exhaustive(overlap, threshold)
    assert len(pairs) == count
    assert sum(overlap[i, j] for i, j in pairs) == pytest.approx(total)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@given(overlaps)
def test_the_best_matching_is_worth_what_the_best_of_all_assignments_is(worth):
    pairs = best_match(worth)
    small = worth if worth.shape[0] <= worth.shape[1] else worth.T
    orders = permutations(range(small.shape[1]), small.shape[0])
    most = max(sum(small[i, j] for i, j in enumerate(columns)) for columns in orders)
    assert sum(worth[pair] for pair in pairs) == pytest.approx(most)
    assert all(worth[pair] > 0 for pair in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


def test_one_far_better_pair_beats_two_where_only_the_sum_counts():
    assert best_match(np.array([[0.9, 0.3], [0.3, 0.0]])) == [(0, 0)]


def test_two_pairs_beat_one_better_pair():
    overlap = np.array([[0.9, 0.3], [0.3, 0.0]])
    assert sorted(optimal_match(overlap, threshold=0.3)) == [(0, 1), (1, 0)]


def test_matching_nothing_gives_nothing():
    assert optimal_match(np.zeros((0, 3))) == []
    assert match_typed([], []) == []


def test_only_boxes_of_one_type_match_whatever_the_threshold():
    box = Box.of(0, 0, 100, 100)
    noise = TypedBox(type=DistortionType.NOISE, box=box)
    blur = TypedBox(type=DistortionType.MOTION_BLUR, box=box)
    assert match_typed([blur, noise], [noise], threshold=0.0) == [(1, 0)]
