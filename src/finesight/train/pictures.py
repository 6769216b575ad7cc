"""The pictures of a run as its model takes them: looked through before it begins, and ready when it wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from finesight.data.images import load_picture
from finesight.errors import InputError
from finesight.model.family import Visual
from finesight.model.load import LoadedModel
from finesight.model.vision import VisionInput

WORKERS = 2


class Surveyed(NamedTuple):
    """What is known of a picture before training: tokens of the prefix it stands in and its grid of patches (time,
    height, width); or why it cannot be used.
    """

    prefix: int
    grid: tuple[int, ...]
    problem: str | None = None


class Pictures:
    """Pictures by path. What `ahead` names is prepared by other threads in the meantime."""

    def __init__(self, load: Callable[[Path], Visual]) -> None:
        self._load = load
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="pictures")
        self._coming: dict[Path, Future[Visual]] = {}

    def __getitem__(self, path: Path) -> Visual:
        """Raises: InputError if the picture cannot be read."""
        coming = self._coming.pop(path, None)
        return coming.result() if coming else self._load(path)

    def ahead(self, paths: Iterable[Path]) -> None:
        """Begin to prepare pictures; those of a former call that nobody asked for are given up."""
        wanted = set(paths)
        for path in self._coming.keys() - wanted:
            self._coming.pop(path).cancel()
        for path in wanted - self._coming.keys():
            self._coming[path] = self._pool.submit(self._load, path)

    def survey(self, model: LoadedModel, paths: Sequence[Path]) -> Iterator[Surveyed]:
        """Every picture read once, in order: a corrupt one shows now and not in the midst of the run."""

        def look(path: Path) -> Surveyed:
            try:
                seen = self._load(path)
                return Surveyed(len(model.prefix(seen)), tuple(seen.grid.tolist()))
            except InputError as error:
                return Surveyed(0, (), str(error))

        return iter(self._pool.map(look, paths))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def pixels(model: LoadedModel) -> Callable[[Path], VisionInput]:
    """Loads a picture for a tower that is trained."""
    return lambda path: model.images(load_picture(path))
