"""A data folder's samples laid out anew: merged, as a tree, or put back, with the count of the work."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from finesight.data.folder import IMAGES, SAMPLES, image_path, link_images
from finesight.data.images import picture_size
from finesight.data.merge.merging import (
    Caps,
    CountTokens,
    Placed,
    merge_picture,
    text_tokens,
    unmerge_sample,
    unmerged_only,
)
from finesight.data.merge.order import by_image, reordered
from finesight.data.merge.tokens import estimate_tokens
from finesight.data.merge.workload import Asked, ChatTokens, PictureTokens, plus, workloads
from finesight.data.readers import Reading, Skipped, read_samples, write_samples
from finesight.data.readers.samples import COMBINED
from finesight.errors import InputError
from finesight.schema.sample import Sample
from finesight.schema.workload import Layout, Workload

IMAGE_TOKENS = 1200
"""Of a picture of unknown size: about one megapixel in cells of 28 x 28 pixels."""

T = TypeVar("T")
Watch = Callable[[Iterable[Any], str], Iterable[Any]]
"""Hands on what it is given, item by item, under a title: the seam for a progress bar."""


class Counting(NamedTuple):
    """How tokens are counted: of texts, of a picture of (width, height) in pixels, of one of unknown size."""

    texts: CountTokens = estimate_tokens
    picture: Callable[[int, int], int] | None = None
    unknown_picture: int = IMAGE_TOKENS
    chat: ChatTokens = ChatTokens()


class MergeReport(BaseModel):
    """What was read and written, and the work of one epoch in each layout.

    samples: written. alone: questions with more tokens than the cap. pictures: in the data; measured: those
    whose size was read from their file; unmeasured: why it could not be of others, where there are files at
    all. workloads: empty where samples were put back.
    """

    model_config = ConfigDict(frozen=True)

    layout: Layout
    samples: int
    alone: int
    pictures: int
    measured: int
    unmeasured: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...]
    workloads: dict[Layout, Workload]


def merge_folder(
    source: Path,
    out: Path,
    layout: Layout,
    counting: Counting | None = None,
    caps: Caps | None = None,
    watch: Watch = lambda items, title: items,
) -> MergeReport:
    """Make `out` a data folder with the samples of `source` in a layout; its images are linked if there.

    The samples pass through a temporary file; in memory are those of one picture and 24 bytes for each other.

    Raises:
        InputError: no samples to lay out, samples that are merged already or (for `separate`) no longer can
            be put back, or `out` is `source`.
    """
    if out.resolve() == source.resolve():
        raise InputError(f"{out}: is the folder to read from; name another one to write into")
    reading = _reading(source)
    tally = _Tally(source, counting or Counting(), caps or Caps())
    out.mkdir(parents=True, exist_ok=True)
    samples = watch(reading, "reading")
    rows = (
        _put_back(samples, source, out)
        if layout == "separate"
        else _laid_out(samples, source, out, layout, tally)
    )
    written = write_samples(out / SAMPLES, _some(watch(rows, "writing"), reading, source))
    if (source / IMAGES).is_dir():
        link_images(out, source)
    return tally.report(layout, written, reading.skipped)


def folder_workloads(
    source: Path, counting: Counting | None = None, caps: Caps | None = None
) -> dict[Layout, Workload]:
    """The work of one epoch over a data folder in each layout; nothing is written.

    Raises:
        InputError: no samples in it, or samples that are merged already.
    """
    tally = _Tally(source, counting or Counting(), caps or Caps())
    reading = _reading(source)
    with tempfile.TemporaryDirectory() as scratch:
        rows = _laid_out(reading, source, Path(scratch), "tree", tally)
        deque(_some(rows, reading, source), maxlen=0)
    return tally.workloads


class _Tally:
    """Counts pictures as they pass."""

    def __init__(self, folder: Path, counting: Counting, caps: Caps) -> None:
        self._folder, self._counting, self._caps = folder, counting, caps
        self.workloads = workloads((), counting.chat)
        self._alone = self._pictures = self._measured = 0
        self._unmeasured: list[str] = []

    def merged(self, picture: Sequence[Placed]) -> list[Sample]:
        """The samples of a picture merged, and both forms counted."""
        tokens = text_tokens((placed.sample for placed in picture), self._counting.texts)
        merged = merge_picture(picture, tokens, self._caps)
        merged_tokens = text_tokens(merged, self._counting.texts)
        self._pictures += 1
        self._alone += sum(asked + answered > self._caps.tokens for asked, answered in tokens)
        counted = PictureTokens(
            image=self._image_tokens(picture[0].sample.image),
            singles=[Asked(asked, answered) for asked, answered in tokens],
            merged=[
                Asked(asked, answered, len(sample.parts))
                for sample, (asked, answered) in zip(merged, merged_tokens, strict=True)
            ],
        )
        self.workloads = plus(self.workloads, workloads([counted], self._counting.chat))
        return merged

    def report(self, layout: Layout, samples: int, skipped: Sequence[Skipped]) -> MergeReport:
        return MergeReport(
            layout=layout,
            samples=samples,
            alone=self._alone,
            pictures=self._pictures,
            measured=self._measured,
            unmeasured=tuple(self._unmeasured),
            skipped=tuple(skipped),
            workloads=self.workloads if self._pictures else {},
        )

    def _image_tokens(self, image: str) -> int:
        if self._counting.picture:
            try:
                width, height = picture_size(image_path(self._folder, image))
            except InputError as error:
                self._unmeasured.append(str(error))
                return self._counting.unknown_picture
            self._measured += 1
            return self._counting.picture(width, height)
        return self._counting.unknown_picture


def _reading(source: Path) -> Reading[Sample]:
    file = _samples_file(source)
    if not file.is_file():
        raise InputError(f"{file}: not found; `finesight data questions` writes it, or put ViDA-UGC's there")
    return read_samples(file)


def _samples_file(source: Path) -> Path:
    return source / SAMPLES / COMBINED


def _laid_out(
    samples: Iterable[Sample], source: Path, scratch: Path, layout: Layout, tally: _Tally
) -> Iterator[Sample]:
    """Samples picture by picture, merged or (tree) as they are."""
    singles = (_in_file(source, unmerged_only, sample) for sample in samples)
    for _, group in groupby(by_image(singles, scratch), key=lambda placed: placed.sample.image):
        picture = list(group)
        merged = tally.merged(picture)
        yield from merged if layout == "merge" else (placed.sample for placed in picture)


def _put_back(samples: Iterable[Sample], source: Path, scratch: Path) -> Iterator[Sample]:
    """The samples before they were merged, in their old order."""
    singles = (single for sample in samples for single in _in_file(source, unmerge_sample, sample))
    return (placed.sample for placed in reordered(singles, scratch))


def _in_file(source: Path, act: Callable[[Sample], T], sample: Sample) -> T:
    """What comes of a sample; an error names the file too."""
    try:
        return act(sample)
    except InputError as error:
        raise InputError(f"{_samples_file(source)}: {error}") from error


def _some(rows: Iterable[Sample], reading: Reading[Sample], source: Path) -> Iterator[Sample]:
    """The rows; InputError where there are none, so that no empty file takes the place of another."""
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise InputError(f"{_samples_file(source)}: no usable sample among {len(reading.skipped)} records")
