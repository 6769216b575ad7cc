"""Light of pictures that are made so that it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.light import GAMMA, measure, stops
from finesight.schema.box import Box
from finesight.schema.hdr import Face
from finesight.video.hdr.faces import detected


def code(light: float) -> int:
    return round(255 * light ** (1 / GAMMA))


def plain(light: float, height: int = 90, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), code(light), np.uint8)


def test_a_plain_picture_has_no_range() -> None:
    light, faces = measure(plain(0.18))
    assert light.stops == 0
    assert light.p50 == pytest.approx(0.18, abs=0.003)
    assert light.clipped_flat == light.clipped_small == light.highlights == light.dark == 0
    assert faces == ()


@given(st.floats(0.02, 1), st.floats(0.02, 1))
def test_stops_are_those_between_the_two_halves(one: float, other: float) -> None:
    picture = plain(one)
    picture[:45] = code(other)
    light, _ = measure(picture)
    told = [(code(v) / 255) ** GAMMA for v in (one, other)]
    assert light.stops == pytest.approx(stops(max(told), min(told)), abs=0.01)


def test_glints_and_pages_are_told_apart() -> None:
    glints, page = plain(0.2), plain(0.2)
    glints[10:80:20, 10:150:20] = 255
    page[:30] = 255
    of_glints, of_page = measure(glints)[0], measure(page)[0]
    assert of_glints.clipped_flat == 0 < of_glints.clipped_small
    assert (of_page.clipped_flat, of_page.clipped_small) == (pytest.approx(1 / 3, abs=0.01), 0)


def test_bars_do_not_count() -> None:
    scene = plain(0.5)
    scene[45:] = code(0.25)
    barred = np.zeros((130, 200, 3), np.uint8)
    barred[20:110, 20:180] = scene
    assert measure(barred)[0] == measure(scene)[0]
    assert measure(np.zeros((90, 160, 3), np.uint8))[0].dark == 1


def test_a_face_is_measured_against_what_is_around_it() -> None:
    picture = plain(0.5)
    picture[30:60, 60:100] = code(0.125)
    box = Box.from_pixels((60, 30, 100, 60), 160, 90)
    (face,) = measure(picture, [Face(box=box)])[1]
    assert face.delta == pytest.approx(-2, abs=0.05)
    assert face.headroom == pytest.approx(3, abs=0.05)
    assert measure(picture, [Face(box=Box.of(0, 0, 1000, 1000))])[1] == ()


def test_the_detector_finds_a_face_and_none_where_there_is_none() -> None:
    data = pytest.importorskip("skimage.data", reason="pip install scikit-image")
    (face,) = detected(0, data.astronaut())
    x1, y1, x2, y2 = face.box.to_pixels(512, 512)
    assert x1 < 223 < x2
    assert y1 < 115 < y2
    assert detected(0, data.coffee()) == ()
    assert detected(0, np.zeros((8, 8, 3), np.uint8)) == ()
