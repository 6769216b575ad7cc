"""Files in, outcomes out, in order: decoding runs ahead of the model in a few threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from finesight.data.images import PictureError, load_picture
from finesight.schema.picture import Outcome, Picture

_THREADS = 2


class Diagnoser(Protocol):
    """What `finesight.model.diagnose.load_diagnoser` gives: one outcome a picture, in order."""

    @property
    def name(self) -> str: ...

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]: ...


def diagnose_files(
    paths: Iterable[Path], diagnoser: Diagnoser, batch: int
) -> Iterator[tuple[Outcome, Picture | None]]:
    """What comes of each file, in order, as soon as it is known; a file that gives no picture has an error.

    At most 2 * batch + 2 decoded pictures are alive at a time.
    """
    group: list[Picture | Outcome] = []
    for item in _decoded(paths, ahead=batch + 2):
        group.append(item)
        pictures = sum(isinstance(member, Picture) for member in group)
        if pictures in (0, batch):
            yield from _diagnosed(group, diagnoser)
            group = []
    yield from _diagnosed(group, diagnoser)


def failure(error: PictureError) -> Outcome:
    """The outcome of a file that gives no picture."""
    return Outcome(image=error.path, error=f"{error.reason}; {error.remedy}")


def _decoded(paths: Iterable[Path], ahead: int) -> Iterator[Picture | Outcome]:
    waiting: deque[Future[Picture | Outcome]] = deque()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")
    try:
        for path in paths:
            waiting.append(pool.submit(_load, path))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _load(path: Path) -> Picture | Outcome:
    try:
        return load_picture(path)
    except PictureError as error:
        return failure(error)


def _diagnosed(
    group: list[Picture | Outcome], diagnoser: Diagnoser
) -> Iterator[tuple[Outcome, Picture | None]]:
    pictures = [item for item in group if isinstance(item, Picture)]
    outcomes = iter(diagnoser.diagnose(pictures) if pictures else [])
    for item in group:
        yield (next(outcomes), item) if isinstance(item, Picture) else (item, None)
