from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from finesight.data.folder import image_path, read_folder, write_subset
from finesight.data.readers.metadata import write_metadata
from finesight.errors import InputError
from finesight.schema.annotation import Annotation

MakePicture = Callable[..., Annotation]


@pytest.fixture
def data(tmp_path: Path, make_picture: MakePicture) -> Path:
    folder = tmp_path / "data"
    write_metadata(folder / "metadata.json", [make_picture(seed) for seed in range(4)])
    (folder / "images").mkdir()
    image_path(folder, "000001.jpg").write_bytes(b"pixels")
    return folder


def test_a_subset_is_a_data_folder_that_shares_the_images(data: Path, tmp_path: Path) -> None:
    chosen = tuple(read_folder(data))[:2]
    write_subset(tmp_path / "split" / "train", chosen, data)
    write_subset(tmp_path / "split" / "train", chosen, data)
    assert tuple(read_folder(tmp_path / "split" / "train")) == chosen
    assert image_path(tmp_path / "split" / "train", "000001.jpg").read_bytes() == b"pixels"


def test_folders_that_are_moved_together_still_find_the_images(data: Path, tmp_path: Path) -> None:
    write_subset(data.parent / "train", tuple(read_folder(data)), data)
    tmp_path = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    assert image_path(tmp_path / "train", "000001.jpg").read_bytes() == b"pixels"


def test_a_folder_without_metadata_or_images_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no metadata.json"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="has no folder images"):
        write_subset(tmp_path / "train", (), tmp_path)


def test_images_that_are_there_already_are_not_replaced(data: Path, tmp_path: Path) -> None:
    (tmp_path / "train" / "images").mkdir(parents=True)
    with pytest.raises(InputError, match="is there already"):
        write_subset(tmp_path / "train", (), data)
