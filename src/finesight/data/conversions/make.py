"""Sheets of frames with a known dynamic range, as samples for SFT and GRPO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.atomic import write_bytes
from finesight.data.conversions.grade import graded, overlaid
from finesight.data.conversions.sheet import CELL_PX, FRAMES, sheet_of
from finesight.data.folder import IMAGES
from finesight.data.images import PictureError, load_picture
from finesight.errors import InputError
from finesight.schema.hdr import Level
from finesight.schema.sample import Sample, Subclass
from finesight.text.conversion import CANDIDATES, answer_of, conversion_prompt

Rgb = NDArray[np.uint8]
_LONG_PX = 640
_TRIES = 40


def make_sheets(
    photos: Sequence[Path],
    out: Path,
    count: int,
    seed: int,
    progress: Callable[[int], None] = lambda n: None,
) -> list[Sample]:
    """Make `count` sheets in `out`/images and return a sample of each; every level as often as the others.

    The frames of a sheet are parts of one photograph, graded alike. Same photographs and seed, same bytes.

    Raises:
        InputError: no photograph can be graded, or `out` cannot be written.
    """
    samples = []
    for index in range(count):
        level = list(Level)[index % len(Level)]
        photo, sheet = _sheet(photos, level, np.random.default_rng(np.random.SeedSequence([seed, index])))
        name = f"{index:06d}.jpg"
        try:
            write_bytes(out / IMAGES / name, _jpeg(sheet))
        except OSError as error:
            raise InputError(f"{out}: cannot be written ({error}); choose another folder") from error
        samples.append(sample_of(name, level, photo.name))
        progress(1)
    return samples


def sample_of(image: str, level: Level, source: str = "") -> Sample:
    """The question about a sheet, with its answer."""
    return Sample(
        id=f"{image}#conversion",
        image=image,
        subclass=Subclass.MCQ,
        question=conversion_prompt(),
        answer=answer_of(level),
        candidates=CANDIDATES,
        source=source,
    )


def split_photos(photos: Sequence[Path], test_share: float, seed: int) -> tuple[list[Path], list[Path]]:
    """Photographs for training and for the test, one at least of each where there are two."""
    shuffled = sorted(photos)
    Random(seed).shuffle(shuffled)
    test = min(max(1, round(test_share * len(shuffled))), len(shuffled) - 1)
    return sorted(shuffled[test:]), sorted(shuffled[:test])


def _sheet(photos: Sequence[Path], level: Level, rng: np.random.Generator) -> tuple[Path, Rgb]:
    for _ in range(_TRIES):
        photo = photos[int(rng.integers(len(photos)))]
        try:
            rgb = load_picture(photo).rgb
        except PictureError:
            continue
        part = _part(rgb, rng)
        scene = graded(part, level, rng)
        if scene is not None:
            frames = [overlaid(_pan(scene, rng), rng) for _ in range(FRAMES)]
            return photo, sheet_of(frames)
    raise InputError(
        f"none of {len(photos)} photographs can be graded to {level}; give photographs with contrast"
    )


def _part(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """Most of a photograph, 640 pixels long."""
    height, width = rgb.shape[:2]
    share = rng.uniform(0.6, 1)
    h, w = max(1, round(height * share)), max(1, round(width * share))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    scale = _LONG_PX / max(h, w)
    size = max(CELL_PX, round(w * scale)), max(CELL_PX, round(h * scale))
    return np.asarray(cv2.resize(rgb[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA), np.uint8)


def _pan(scene: Rgb, rng: np.random.Generator) -> Rgb:
    """A frame of a camera that moves a little, nine tenths of the scene each way."""
    height, width = scene.shape[:2]
    h, w = round(height * 0.9), round(width * 0.9)
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return scene[y : y + h, x : x + w]


def _jpeg(rgb: Rgb) -> bytes:
    return bytes(
        cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    )
