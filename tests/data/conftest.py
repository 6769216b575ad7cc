"""Annotated pictures without files, for tests of questions, splits and benches."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity

MakePicture = Callable[..., Annotation]


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    """`make_picture(seed, count=None)`: a picture with random distortions, a tenth of them clean."""

    def make(seed: int, count: int | None = None) -> Annotation:
        rng = Random(seed)
        count = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 8]) if count is None else count
        return Annotation(
            image=f"{seed:06d}.jpg",
            width=448,
            height=336,
            mos=3,
            level=rng.choice(list(Level)),
            distortions=tuple(distortion(rng) for _ in range(count)),
            content="A bright landscape-format picture.",
            source=f"photo{seed % 7}.jpg",
        )

    def distortion(rng: Random) -> Distortion:
        width, height = rng.randint(60, 1000), rng.randint(60, 1000)
        x, y = rng.randint(0, 1000 - width), rng.randint(0, 1000 - height)
        return Distortion(
            type=rng.choice(list(DistortionType)),
            severity=rng.choice(list(Severity)),
            box=Box.of(x, y, x + width, y + height),
            significance=rng.randint(1, 40),
        )

    return make
