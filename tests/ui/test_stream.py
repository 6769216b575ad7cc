"""Files come out in order, each once, with few pictures in memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from finesight.schema.diagnosis import Diagnosis
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import Level
from finesight.ui.stream import diagnose_files


class Echo:
    """Says of each picture how wide it is, and remembers what it was asked."""

    name = "echo"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.alive: weakref.WeakSet[Picture] = weakref.WeakSet()
        self.most_alive = 0

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]:
        self.batches.append(len(pictures))
        for picture in pictures:
            self.alive.add(picture)
        gc.collect()
        self.most_alive = max(self.most_alive, len(self.alive))
        said = [Diagnosis(content=f"{picture.width} wide", level=Level.FAIR) for picture in pictures]
        return [Outcome(image=p.path, diagnosis=d) for p, d in zip(pictures, said, strict=True)]


def files(folder: Path, count: int, broken: set[int]) -> list[Path]:
    paths = [folder / f"{index:03d}.png" for index in range(count)]
    for index, path in enumerate(paths):
        if index in broken:
            path.write_bytes(b"broken")
        else:
            Image.new("RGB", (index + 1, 1)).save(path)
    return paths


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_outcomes_keep_the_order_of_the_files(tmp_path: Path, batch: int) -> None:
    broken = {0, 4, 5, 9}
    paths = files(tmp_path, 10, broken)
    pairs = list(diagnose_files(paths, Echo(), batch))
    assert [outcome.image for outcome, _ in pairs] == [str(path) for path in paths]
    for index, (outcome, picture) in enumerate(pairs):
        if index in broken:
            assert outcome.error
            assert picture is None
        else:
            assert outcome.diagnosis
            assert picture
            assert outcome.diagnosis.content == f"{index + 1} wide"
            assert picture.path == outcome.image


def test_the_model_sees_full_batches_whatever_is_broken_between(tmp_path: Path) -> None:
    echo = Echo()
    list(diagnose_files(files(tmp_path, 10, {1, 2, 6}), echo, batch=3))
    assert echo.batches == [3, 3, 1]


def test_pictures_are_let_go_when_they_are_done(tmp_path: Path) -> None:
    echo = Echo()
    for _ in diagnose_files(files(tmp_path, 40, set()), echo, batch=2):
        pass
    assert echo.most_alive <= 6


def test_the_model_is_not_asked_about_nothing(tmp_path: Path) -> None:
    echo = Echo()
    assert len(list(diagnose_files(files(tmp_path, 3, {0, 1, 2}), echo, batch=2))) == 3
    assert echo.batches == []
