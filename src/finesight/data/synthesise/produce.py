"""A folder of photographs in, a folder of distorted images with their annotations out."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

import finesight
from finesight.data.atomic import write_bytes, write_text
from finesight.data.images import load_picture
from finesight.data.pyav import load_av, require_encoders
from finesight.data.readers.metadata import write_metadata
from finesight.data.synthesise import film
from finesight.data.synthesise.config import SynthesisConfig
from finesight.data.synthesise.contact import contact_sheet
from finesight.data.synthesise.journal import Journal
from finesight.data.synthesise.plant import distort
from finesight.data.synthesise.region import Rgb
from finesight.data.synthesise.series import grow
from finesight.data.synthesise.sources import cut, draw_size, imperfect, load_photograph, low_key
from finesight.data.synthesise.statistics import Statistics, gather
from finesight.errors import InputError
from finesight.schema.annotation import Annotation

JPEG_QUALITY = 95
"""With full colour resolution. See docs/synthesis.md for what it costs the labels (nothing measurable)."""

_BATCH = 16  # images that one worker makes of one photograph at a stretch
_SHEET = 24  # images on the contact sheet
_AHEAD = 4  # batches handed out ahead of the workers, each


class SynthesisReport(BaseModel):
    """What was made: `synthesis.json`. skipped: photographs that could not be used, with the reason."""

    model_config = ConfigDict(frozen=True)

    config: SynthesisConfig
    photographs: int
    skipped: dict[str, str]
    versions: dict[str, str]
    statistics: Statistics


@dataclass(frozen=True)
class _Batch:
    """Images to make of the photograph at `position` of the order."""

    position: int
    photograph: Path
    source: str
    indexes: tuple[int, ...]
    images: Path
    config: SynthesisConfig


@dataclass(frozen=True)
class _Made:
    batch: _Batch
    annotations: tuple[tuple[int, Annotation], ...] = ()
    unusable: str | None = None


def synthesise(
    photos: Sequence[Path],
    out: Path,
    config: SynthesisConfig,
    progress: Callable[[int], None] | None = None,
) -> SynthesisReport:
    """Make `config.count` images and their annotations in `out`; a killed run goes on where it stopped.

    Writes images/NNNNNN.jpg, metadata.json (schema of ViDA-UGC), contact_sheet.jpg, synthesis.json and
    journal.jsonl (what is finished). Same seed and photographs: same bytes, whatever the number of workers.

    Args:
        photos: picture files, in any order.
        out: folder, made if need be.
        progress: called with the number of images finished since the last call.

    Raises:
        InputError: no usable photograph, `out` cannot be written, or there is no PyAV for `film`.
        ConfigError: `out` holds a set of another recipe.
    """
    if config.variety == "film":
        require_encoders(film.ENCODERS)
    order = _shuffled(sorted(set(photos)), config.seed)
    report = progress or (lambda n: None)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with Journal(out / "journal.jsonl", _recipe(order, config)) as journal, _single_threaded():
            _make_all(order, out / "images", config, journal, report)
            return _finish(out, config, journal, len(order))
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error}); choose another folder") from error


def _shuffled(photos: list[Path], seed: int) -> list[Path]:
    """The order in which photographs take their turns, so that the first images of a set are varied."""
    return [photos[i] for i in np.random.default_rng(np.random.SeedSequence([seed])).permutation(len(photos))]


def _recipe(order: list[Path], config: SynthesisConfig) -> dict[str, object]:
    """What decides the bytes of image number i; the count and the workers do not."""
    listing = "\n".join(f"{path.name} {path.stat().st_size if path.is_file() else None}" for path in order)
    return {
        "config": config.model_dump(mode="json", exclude={"count", "workers"}),
        "photographs": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        "versions": _versions(config),
    }


def _versions(config: SynthesisConfig) -> dict[str, str]:
    versions = {"finesight": finesight.__version__, "numpy": np.__version__, "opencv": cv2.__version__}
    return versions | {"av": load_av().__version__} if config.variety == "film" else versions


def _make_all(
    order: list[Path],
    images: Path,
    config: SynthesisConfig,
    journal: Journal,
    report: Callable[[int], None],
) -> None:
    missing = [
        i for i in range(config.count) if i not in journal.finished or not (images / name_of(i)).exists()
    ]
    report(config.count - len(missing))
    batches = deque(_batches(order, missing, images, config))
    for made in _results(batches, config.workers):
        if made.unusable is None:
            journal.add(made.annotations)
            report(len(made.annotations))
        else:
            journal.skip(made.batch.source, made.unusable)
            batches.append(_retry(made.batch, order, journal))


def _batches(
    order: list[Path], missing: list[int], images: Path, config: SynthesisConfig
) -> Iterator[_Batch]:
    """Work grouped by photograph, so that each is decoded once."""
    if not order:
        raise InputError("no photographs given; name a folder with pictures")
    names = _sources(order)
    turns: dict[int, list[int]] = {}
    for index in missing:
        turns.setdefault(index // config.steps % len(order), []).append(index)
    for position, indexes in turns.items():
        for i in range(0, len(indexes), _BATCH):
            part = tuple(indexes[i : i + _BATCH])
            yield _Batch(position, order[position], names[position], part, images, config)


def _retry(batch: _Batch, order: list[Path], journal: Journal) -> _Batch:
    """The same images of the next photograph in the order that is not known to be unusable."""
    names = _sources(order)
    for step in range(1, len(order)):
        position = (batch.position + step) % len(order)
        if names[position] not in journal.skipped:
            return _Batch(
                position, order[position], names[position], batch.indexes, batch.images, batch.config
            )
    reasons = "; ".join(journal.skipped.values())
    raise InputError(f"none of the {len(order)} photographs can be used ({reasons[:300]}); name other ones")


def _sources(order: list[Path]) -> list[str]:
    """Names of the photographs relative to the folder they share."""
    top = os.path.commonpath([path.parent for path in order])
    return [Path(os.path.relpath(path, top)).as_posix() for path in order]


def _results(batches: deque[_Batch], workers: int) -> Iterator[_Made]:
    """Every batch made, in any order; batches may be added while the results are read."""
    if workers == 1:
        while batches:
            yield _make(batches.popleft())
        return
    context = get_context("spawn")  # forking a process that has threads (a progress bar has) may hang
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        running: set[Future[_Made]] = set()
        while batches or running:
            while batches and len(running) < _AHEAD * workers:
                running.add(pool.submit(_make, batches.popleft()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _make(batch: _Batch) -> _Made:
    try:
        photograph = load_photograph(batch.photograph, batch.config.size)
    except InputError as error:
        return _Made(batch, unusable=str(error))
    annotations = tuple((index, _make_one(photograph, index, batch)) for index in batch.indexes)
    return _Made(batch, annotations)


def _make_one(photograph: Rgb, index: int, batch: _Batch) -> Annotation:
    config = batch.config
    scene, step = divmod(index, config.steps)
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, scene]))
    clean = _clean(photograph, config, rng)
    image, annotation = grow(clean, rng, config, step) if config.series else distort(clean, rng, config)
    write_bytes(batch.images / name_of(index), encode_jpeg(image))
    series = f"{config.seed}.{scene:06d}" if config.series else ""
    return annotation.model_copy(update={"image": name_of(index), "source": batch.source, "series": series})


def _clean(photograph: Rgb, config: SynthesisConfig, rng: np.random.Generator) -> Rgb:
    plain = config.variety == "plain"
    clean = cut(photograph, config.size if plain else draw_size(config.size, rng), rng)
    if config.low_key and rng.random() < config.low_key:  # no chance is spent on what was not asked for
        clean = low_key(clean, rng)
    return clean if plain else imperfect(clean, rng)


def name_of(index: int) -> str:
    """File name of image number `index`."""
    return f"{index:06d}.jpg"


def encode_jpeg(rgb: Rgb) -> bytes:
    """A picture as the sets keep it."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not ok:
        raise InputError(f"cannot encode a picture of shape {rgb.shape} as JPEG")
    return data.tobytes()


def _finish(out: Path, config: SynthesisConfig, journal: Journal, photographs: int) -> SynthesisReport:
    annotations = [journal.finished[i] for i in range(config.count)]
    items = [(load_picture(out / "images" / a.image).rgb, a) for a in annotations[:_SHEET]]
    write_bytes(out / "contact_sheet.jpg", encode_jpeg(contact_sheet(items)))
    report = SynthesisReport(
        config=config,
        photographs=photographs,
        skipped=dict(sorted(journal.skipped.items())),
        versions=_versions(config),
        statistics=gather(annotations),
    )
    write_text(out / "synthesis.json", report.model_dump_json(indent=1) + "\n")
    write_metadata(out / "metadata.json", annotations)  # last: with it the set is whole
    return report


@contextmanager
def _single_threaded() -> Iterator[None]:
    """OpenCV on one thread, as in the workers; processes are how this scales."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
