from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from finesight.model.coordinates import Coordinates, from_model, to_model
from finesight.schema.box import Box
from finesight.text.grammar import box_text
from finesight.text.prompts import region_prompt

SIDE = st.integers(28, 4000)
CORNER = st.integers(0, 1000)
BOXES = st.tuples(CORNER, CORNER, CORNER, CORNER).map(
    lambda c: Box.of(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


def numbers(text: str) -> list[int]:
    inner = text.removeprefix("<|box_start|>").removesuffix("<|box_end|>")
    return [int(n) for n in inner.replace("(", "").replace(")", "").split(",")]


@given(BOXES, SIDE, SIDE)
def test_there_and_back_is_the_same_box_up_to_rounding(box, width, height):
    pixels = to_model(box_text(box), Coordinates.PIXELS, width, height)
    back = numbers(from_model(pixels, Coordinates.PIXELS, width, height))
    # Half a pixel of rounding on the way there, half a thousandth on the way back.
    slack = [500 / side + 0.5 for side in (width, height, width, height)]
    assert all(abs(a - b) <= s + 1e-9 for a, b, s in zip(back, box.xyxy, slack, strict=True))


@given(BOXES, SIDE, SIDE)
def test_pixels_are_those_of_the_box(box, width, height):
    said = numbers(to_model(box_text(box), Coordinates.PIXELS, width, height))
    assert said == [round(v) for v in box.to_pixels(width, height)]


@given(st.text() | BOXES.map(box_text), SIDE, SIDE)
def test_thousandths_are_left_as_they_are(text, width, height):
    assert to_model(text, Coordinates.THOUSANDTHS, width, height) == text
    assert from_model(text, Coordinates.THOUSANDTHS, width, height) == text


@given(st.text(), SIDE, SIDE)
@example("500 of (1000,1000),(20,30) and <|box_start|>(1,2)<|box_end|>", 100, 200)
@example("<|box_start|>(1,2),(3,4)", 100, 200)
def test_only_whole_box_groups_are_rewritten(text, width, height):
    assert to_model(text, Coordinates.PIXELS, width, height) == text


def test_every_box_of_a_prompt_is_rewritten_and_its_words_stay():
    prompt = region_prompt(Box.of(0, 500, 250, 1000))
    said = to_model(prompt, Coordinates.PIXELS, 400, 200)
    assert said == prompt.replace("(0,500),(250,1000)", "(0,100),(100,200)") != prompt
    two = box_text(Box.of(0, 0, 10, 10)) + " and 1000 " + box_text(Box.of(10, 10, 20, 20))
    expected = two.replace("(0,0),(10,10)", "(0,0),(20,5)").replace("(10,10),(20,20)", "(20,5),(40,10)")
    assert to_model(two, Coordinates.PIXELS, 2000, 500) == expected


def test_spaces_inside_a_group_are_allowed():
    said = "<|box_start|> (10,20), (30, 40) <|box_end|>"
    assert from_model(said, Coordinates.PIXELS, 100, 100) == "<|box_start|> (100,200),(300,400) <|box_end|>"
