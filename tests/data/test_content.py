import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.content import describe_content


def two_halves(upper: tuple[int, int, int], lower: tuple[int, int, int], shape=(90, 160)) -> np.ndarray:
    rgb = np.empty((*shape, 3), np.uint8)
    rgb[: shape[0] // 2], rgb[shape[0] // 2 :] = upper, lower
    return rgb


def test_the_colors_of_both_halves_are_named() -> None:
    sentence = describe_content(two_halves((60, 110, 220), (40, 160, 60)))
    assert sentence == (
        "A medium-toned landscape-format picture, mostly blue above and green below, with little fine detail."
    )


def test_one_color_is_named_once() -> None:
    assert "mostly red throughout" in describe_content(two_halves((200, 20, 20), (180, 10, 15)))


@pytest.mark.parametrize(
    ("shape", "word"),
    [((100, 160), "landscape-format"), ((160, 90), "portrait-format"), ((100, 102), "square")],
)
def test_the_format_is_named(shape: tuple[int, int], word: str) -> None:
    assert word in describe_content(two_halves((9, 9, 9), (9, 9, 9), shape))


@pytest.mark.parametrize(
    ("value", "tone", "color"),
    [(20, "dark", "black"), (128, "medium-toned", "grey"), (240, "bright", "white")],
)
def test_tone_and_plain_colors_follow_the_brightness(value: int, tone: str, color: str) -> None:
    sentence = describe_content(np.full((50, 50, 3), value, np.uint8))
    assert f"A {tone} square picture, mostly {color} throughout" in sentence


def test_detail_grows_from_little_over_some_to_rich() -> None:
    rng = np.random.default_rng(0)
    words = []
    for strength in (1, 4, 40):
        grey = (128 + strength * rng.standard_normal((128, 128, 1))).clip(0, 255)
        words.append(describe_content(np.repeat(grey, 3, axis=2).astype(np.uint8)).split()[-3])
    assert words == ["little", "some", "rich"]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 20))
def test_any_picture_gives_one_line_of_ten_to_sixteen_words(height: int, width: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    sentence = describe_content(rgb)
    assert 10 <= len(sentence.split()) <= 16
    assert "\n" not in sentence
