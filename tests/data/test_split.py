from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.split import held_out, split
from finesight.errors import ConfigError
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import Level

names = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=60)
shares = st.floats(0.01, 0.99)


def picture(image: str, source: str = "") -> Annotation:
    return Annotation(image=image, source=source, width=8, height=8, mos=3, level=Level.FAIR)


@given(names, shares, st.integers(0, 9))
def test_every_picture_is_on_one_side_and_every_photograph_too(
    sources: list[str], share: float, seed: int
) -> None:
    pictures = [picture(f"{i}.jpg", source) for i, source in enumerate(["x", "y", *sources])]
    parts = split(pictures, share, seed)
    assert sorted([*parts.train, *parts.test], key=pictures.index) == pictures
    assert {a.source for a in parts.train}.isdisjoint({a.source for a in parts.test})
    assert parts.train
    assert parts.test


@given(shares, st.integers(2, 200))
def test_the_share_is_met_to_one_photograph(share: float, count: int) -> None:
    chosen = held_out((f"photo{i}" for i in range(count)), share, seed=0)
    assert abs(len(chosen) - share * count) <= 1


@given(st.permutations([f"photo{i}" for i in range(12)]))
def test_the_order_of_the_pictures_changes_nothing(sources: list[str]) -> None:
    assert held_out(sources, 0.25, seed=1) == held_out(sorted(sources), 0.25, seed=1)


def test_another_seed_gives_another_split() -> None:
    sources = [f"photo{i}" for i in range(40)]
    assert held_out(sources, 0.3, seed=0) != held_out(sources, 0.3, seed=1)


def test_one_photograph_more_moves_at_most_one_other() -> None:
    sources = [f"photo{i}" for i in range(40)]
    before = held_out(sources, 0.25, seed=0)
    after = held_out([*sources, "new"], 0.25, seed=0)
    assert len((before ^ after) - {"new"}) <= 1


def test_frames_of_one_shot_stay_together() -> None:
    frames = [f"clip{c}@{f:04d}.png" for c in range(10) for f in range(5)]
    chosen = held_out(frames, 0.3, seed=2)
    assert len(chosen) == 15
    assert len({name.split("@")[0] for name in chosen}) == 3


def test_photographs_that_show_the_same_stay_together_also_over_several_steps() -> None:
    sources = [f"photo{i}" for i in range(10)]
    chain = [("photo1", "photo5"), ("photo5", "photo3"), ("photo9", "photo3"), ("photo1", "stranger")]
    same = {"photo1", "photo3", "photo5", "photo9"}
    for seed in range(20):
        chosen = held_out(sources, 0.4, seed, chain)
        assert same <= chosen or same.isdisjoint(chosen)


def test_pictures_without_a_source_count_as_photographs() -> None:
    parts = split([picture(f"{i}.jpg") for i in range(10)], 0.2, 0)
    assert (len(parts.train), len(parts.test)) == (8, 2)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        held_out(["a", "b"], share, 0)


def test_one_photograph_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match="two photographs"):
        split([picture("1.jpg", "a"), picture("2.jpg", "a")], 0.5, 0)
