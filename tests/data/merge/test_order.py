"""Samples in another order: by key, and within a key as they came."""

from __future__ import annotations

from random import Random

from finesight.data.merge.order import by_image, reordered
from finesight.schema.sample import Sample, Subclass


def sample(number: int, image: str) -> Sample:
    return Sample(id=str(number), image=image, subclass=Subclass.QA, question=f"é{number}\n", answer="")


def test_samples_of_a_key_keep_their_order_and_their_place(tmp_path):
    # Many and in disorder: a sort that is not stable leaves a few, or sorted ones, as they are.
    rng = Random(0)
    keyed = [(rng.randrange(3), sample(number, "a")) for number in range(5000)]
    got = list(reordered(iter(keyed), tmp_path))
    assert [int(p.sample.id) for p in got] == sorted(range(5000), key=lambda number: keyed[number][0])
    assert all(placed.sample == keyed[placed.place][1] for placed in got)


def test_pictures_follow_by_first_appearance(tmp_path):
    images = ["b", "a", "b", "c", "a"]
    got = list(by_image((sample(n, image) for n, image in enumerate(images)), tmp_path))
    assert [(p.sample.image, p.place) for p in got] == [("b", 0), ("b", 2), ("a", 1), ("a", 4), ("c", 3)]


def test_nothing_is_left_on_the_disk(tmp_path):
    passing = reordered(((0, sample(n, "a")) for n in range(3)), tmp_path)
    next(passing)
    assert not list(tmp_path.iterdir())
