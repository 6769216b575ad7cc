"""Colour tags: those of the file are kept, the others are assumed and said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, colour_of

UNTAGGED = (2, 2, 2, 0)
ALL = ("primaries", "transfer", "matrix", "range")


@pytest.mark.parametrize(
    ("width", "height", "rate", "pixels", "tags"),
    [
        (1920, 1080, 25, "yuv420p", "bt709 bt709 bt709 tv"),
        (1280, 534, 24, "yuv420p", "bt709 bt709 bt709 tv"),
        (720, 1280, 30, "yuv420p", "bt709 bt709 bt709 tv"),
        (720, 576, 25, "yuv420p", "bt470bg smpte170m bt470bg tv"),
        (720, 480, 29.97, "yuv420p", "smpte170m smpte170m smpte170m tv"),
        (720, 480, 29.97, "yuvj420p", "smpte170m smpte170m smpte170m pc"),
        (1920, 1080, 25, "gbrp", "bt709 iec61966-2-1 gbr pc"),
    ],
)
def test_what_is_assumed_of_an_untagged_file_hangs_on_its_size(
    width: int, height: int, rate: float, pixels: str, tags: str
) -> None:
    colour = colour_of(UNTAGGED, width, height, rate, pixels)
    assert [colour.primaries, colour.transfer, colour.matrix, colour.range] == tags.split()
    assert colour.assumed == ALL


def test_wide_colour_is_completed_as_wide_colour_whatever_the_size() -> None:
    colour = colour_of((9, 2, 2, 0), 640, 360, 25, "yuv420p10le")
    assert (colour.matrix, colour.transfer, colour.assumed) == ("bt2020nc", "bt2020-10", ALL[1:])
    assert colour_of((2, 16, 2, 0), 640, 360, 25, "yuv420p10le").primaries == "bt2020"


@given(
    st.sampled_from([*PRIMARIES, 2]),
    st.sampled_from([*TRANSFERS, 2]),
    st.sampled_from([*MATRICES, 2]),
    st.sampled_from([*RANGES, 0]),
    st.integers(16, 4000),
    st.integers(16, 4000),
)
def test_a_tag_of_the_file_is_kept_and_never_called_assumed(
    primaries: int, transfer: int, matrix: int, range_: int, width: int, height: int
) -> None:
    colour = colour_of((primaries, transfer, matrix, range_), width, height, 25, "yuv420p")
    said = (PRIMARIES.get(primaries), TRANSFERS.get(transfer), MATRICES.get(matrix), RANGES.get(range_))
    for name, tag in zip(ALL, said, strict=True):
        assert (tag is None) == (name in colour.assumed)
        assert getattr(colour, name) == (tag or getattr(colour, name))
