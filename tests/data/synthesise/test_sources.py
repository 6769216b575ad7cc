from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.synthesise.sources import cut, find_photographs, load_photograph, low_key
from finesight.errors import InputError


def test_photographs_come_in_the_order_of_their_names_and_from_subfolders_only_on_request(
    tmp_path: Path,
) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in find_photographs(tmp_path)] == ["a.png", "b.JPG"]
    assert [p.name for p in find_photographs(tmp_path, recursive=True)] == ["a.png", "b.JPG", "c.webp"]


def test_a_missing_and_an_empty_folder_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; give"):
        find_photographs(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no photograph directly inside"):
        find_photographs(tmp_path)


def test_a_photograph_is_kept_at_most_four_times_larger_than_its_pictures(
    photographs: Callable[[int], list[Path]],
) -> None:
    path = photographs(1)[0]
    assert load_photograph(path, 100).shape == (300, 400, 3)
    assert load_photograph(path, 200).shape == (360, 480, 3)


def test_a_photograph_too_small_to_cut_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), np.zeros((60, 100, 3), np.uint8))
    with pytest.raises(InputError, match=r"small\.png: 100x60 is too small to cut 200 px"):
        load_photograph(path, 200)


@given(st.integers(0, 500))
def test_a_cut_has_the_long_side_asked_for_and_a_usual_aspect(seed: int) -> None:
    photograph = np.zeros((300, 420, 3), np.uint8)
    height, width, _ = cut(photograph, 160, np.random.default_rng(seed)).shape
    assert max(height, width) == 160
    assert min(height, width) in {160, 120, 107, 90}


def test_a_cut_is_never_enlarged() -> None:
    fine = np.zeros((100, 160, 3), np.uint8)
    fine[:, ::2] = 255
    for seed in range(20):
        part = cut(fine, 160, np.random.default_rng(seed))
        assert part.shape == (90, 160, 3), "nothing else fits"
        assert set(np.unique(part)) == {0, 255}, "enlarging would put greys between the columns"


def test_a_picture_in_low_key_is_mostly_black_and_well_exposed_where_it_is_lit(
    pictures: list[np.ndarray],
) -> None:
    rng = np.random.default_rng(0)
    lit = []
    for picture in pictures * 10:
        before = picture.copy()
        dark = low_key(picture, rng)
        assert (picture == before).all()
        assert (dark.shape, dark.dtype) == (picture.shape, np.uint8)
        tone = dark.max(axis=2)
        assert (tone < 16).mean() > 0.3
        assert 120 <= np.percentile(tone, 99.5) <= 255
        lit.append((tone > 64).mean())
    assert min(lit) < 0.05, "a moon"
    assert max(lit) > 0.25, "a street at night"


def test_what_is_black_stays_black_in_low_key() -> None:
    for seed in range(6):
        assert not low_key(np.zeros((96, 128, 3), np.uint8), np.random.default_rng(seed)).any()
