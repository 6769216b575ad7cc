"""A data folder: `metadata.json` beside `images/`, as `finesight data synthesise` writes it."""

from __future__ import annotations

import os
from pathlib import Path

from finesight.data.readers.metadata import read_metadata, write_metadata
from finesight.data.readers.reading import Reading
from finesight.errors import InputError
from finesight.schema.annotation import Annotation

METADATA = "metadata.json"
IMAGES = "images"
SAMPLES = "samples"


def read_folder(folder: Path) -> Reading[Annotation]:
    """The annotated pictures of a data folder.

    Raises:
        InputError: there is no `metadata.json` in it.
    """
    path = folder / METADATA
    if not path.is_file():
        raise InputError(
            f"{folder}: has no {METADATA}; make one with `finesight data synthesise PHOTOS {folder}`"
        )
    return read_metadata(path)


def image_path(folder: Path, image: str) -> Path:
    """Where the picture an annotation calls `image` lies."""
    return folder / IMAGES / image


def write_subset(folder: Path, annotations: tuple[Annotation, ...], pictures_of: Path) -> None:
    """Make `folder` a data folder of some of the pictures of another one, without copying them."""
    link_images(folder, pictures_of)
    write_metadata(folder / METADATA, annotations)


def link_images(folder: Path, pictures_of: Path, name: str = IMAGES) -> None:
    """Make `folder/images`, or `folder/name`, a relative link to the pictures of another data folder.

    Raises:
        InputError: there are none, or something else has that name already.
    """
    link = folder / name
    if not (pictures_of / IMAGES).is_dir():
        raise InputError(f"{pictures_of}: has no folder {IMAGES}; name a data folder")
    target = os.path.relpath((pictures_of / IMAGES).resolve(), folder.resolve())
    if link.is_symlink() and os.readlink(link) == target:
        return
    if link.is_symlink() or link.exists():
        raise InputError(f"{link}: is there already and is not a link to {target}; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target, target_is_directory=True)
