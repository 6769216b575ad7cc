"""Several data folders as one, without copying a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from finesight.data.folder import IMAGES, METADATA, link_images, read_folder
from finesight.data.readers.metadata import write_metadata
from finesight.errors import ConfigError, InputError
from finesight.schema.annotation import Annotation


def join(folders: Sequence[Path], out: Path) -> list[Annotation]:
    """Make `out` the data folder of all pictures of `folders`, in their order.

    A picture `x.jpg` of the second folder is called `2/x.jpg`; the pictures stay where they are, linked.

    Raises:
        ConfigError: fewer than two folders, or one named twice.
        InputError: one of them is no data folder or has a record that cannot be used, or `out` is taken.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise ConfigError("joining takes two data folders or more, each once")
    joined: list[Annotation] = []
    for number, folder in enumerate(folders, 1):
        reading = read_folder(folder)
        joined += [a.model_copy(update={"image": f"{number}/{a.image}"}) for a in reading]
        if reading.skipped:
            raise InputError(f"{folder}: {reading.skipped[0]}; mend it before it is joined to others")
        link_images(out / IMAGES, folder, str(number))
    write_metadata(out / METADATA, joined)
    return joined
