from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.text.place import PLACES, place_of, the_place

ends = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(sorted)


def test_the_nine_cells_and_the_whole_are_all_the_places_there_are():
    cells = [Box.of(x, y, x + 100, y + 100) for y in (0, 450, 900) for x in (0, 450, 900)]
    named = [place_of(box) for box in cells]
    assert named[0] == "upper left part"
    assert named[1] == "upper part"
    assert named[4] == "centre"
    assert named[7] == "lower part"
    assert {*named, place_of(Box.of(0, 0, 1000, 1000))} == set(PLACES)
    assert len(PLACES) == 10


def test_a_box_over_more_than_seven_tenths_is_the_whole_image():
    assert place_of(Box.of(0, 0, 1000, 701)) == "whole image"
    assert place_of(Box.of(0, 0, 1000, 700)) == "centre"


def test_a_band_along_an_edge_is_that_edge():
    assert place_of(Box.of(0, 800, 1000, 1000)) == "lower part"
    assert place_of(Box.of(900, 0, 1000, 1000)) == "right part"


def test_a_place_reads_well_inside_a_sentence():
    assert the_place("lower part") == "the lower part of the image"
    assert the_place("whole image") == "the whole image"


@given(ends, ends)
def test_mirroring_a_picture_swaps_left_and_right(xs, ys):
    box = Box.of(xs[0], ys[0], xs[1], ys[1])
    mirrored = Box.of(1000 - xs[1], ys[0], 1000 - xs[0], ys[1])
    swapped = place_of(box).replace("left", "?").replace("right", "left").replace("?", "right")
    if 3 * sum(xs) not in (2000, 4000):  # on a line between two cells both sides cannot win
        assert place_of(mirrored) == swapped
