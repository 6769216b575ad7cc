"""A camera's own noise: pictures out of pairs of a noisy photograph and the mean of many of its scene.

What a sensor and its firmware leave (grain that grows with the light and runs over several pixels, compressed by
the camera) no formula has; the difference of a pair is a sample of it. It is planted as every distortion is: over
all of a part or in a region, as it is or stronger. A part of the mean alone is an authentic clean picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.atomic import write_bytes
from finesight.data.folder import IMAGES, METADATA
from finesight.data.images import SUFFIXES, load_picture
from finesight.data.readers.metadata import write_metadata
from finesight.data.synthesise.place import Placement
from finesight.data.synthesise.plan import Wish
from finesight.data.synthesise.plant import annotate
from finesight.data.synthesise.produce import encode_jpeg, name_of
from finesight.data.synthesise.region import SHAPES, Region, Rgb, Shape, draw_mask
from finesight.errors import InputError
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import DistortionType, Severity

CLEAN_SHARE = 0.4
STRONGER = (0.9, 5.0)
"""How many times stronger than it was the noise is planted; every factor as likely."""
SEVERITIES = ((6.0, Severity.MINOR), (13.0, Severity.MODERATE), (float("inf"), Severity.SEVERE))
"""Ends of the standard deviation, code values of 0..255. Grain of a camera runs over several pixels and is seen
earlier than the white noise of noise.py."""

_NAME = re.compile(r"(?P<pair>(?P<scene>.+?)(_\d+)?)_(?P<half>real|mean)")
_LEAST_PX = 160
_REGION_SHARE = 0.4
_RECOMPRESSED = 0.5


class Pair(NamedTuple):
    """A noisy photograph and the mean of its scene, of one size."""

    name: str
    scene: str
    noisy: Path
    mean: Path


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs NAME_real.* and NAME_mean.* of a folder by name. A number that ends NAME counts parts of a scene.

    Raises:
        InputError: no such folder, no pair in it, or one half of a pair is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder with pairs NAME_real.* and NAME_mean.*")
    halves: dict[str, dict[str, tuple[str, Path]]] = {}
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.stem)
        if named and path.suffix.lower() in SUFFIXES:
            halves.setdefault(named["pair"], {})[named["half"]] = (named["scene"], path)
    if not halves:
        raise InputError(f"{folder}: no pair NAME_real.* and NAME_mean.* in it")
    for name, found in halves.items():
        if len(found) < 2:
            raise InputError(f"{folder}: {name} has only its half {next(iter(found))}; add the other one")
    return [Pair(n, h["real"][0], h["real"][1], h["mean"][1]) for n, h in halves.items()]


def make_of_pairs(
    pairs: Sequence[Pair], out: Path, count: int, seed: int, progress: Callable[[int], None] | None = None
) -> list[Annotation]:
    """Make `count` pictures and `metadata.json` in `out`, a data folder; the source of each is its scene.

    Same pairs and seed, same bytes. The metadata come last: with them the set is whole.

    Raises:
        InputError: a pair cannot be read, its halves differ in size, or `out` cannot be written.
    """
    annotations = []
    images: dict[Pair, tuple[Rgb, Rgb]] = {}
    try:
        for index in range(count):
            pair = pairs[index % len(pairs)]
            if pair not in images:
                images[pair] = _load(pair)
            rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
            rgb, annotation = plant_noise(*images[pair], rng)
            write_bytes(out / IMAGES / name_of(index), encode_jpeg(rgb))
            annotations.append(annotation.model_copy(update={"image": name_of(index), "source": pair.scene}))
            if progress:
                progress(1)
        write_metadata(out / METADATA, annotations)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error}); choose another folder") from error
    return annotations


def plant_noise(noisy: Rgb, mean: Rgb, rng: np.random.Generator) -> tuple[Rgb, Annotation]:
    """A part of a pair with the pair's noise, or of its mean alone, and what is true of it."""
    window = _window(mean.shape[0], mean.shape[1], rng)
    clean = _turned(mean[window], mirrored := rng.random() < 0.5)
    height, width = clean.shape[:2]
    planted: list[Placement] = []
    rgb = clean
    if rng.random() >= CLEAN_SHARE:
        grain = _turned(noisy[window], mirrored).astype(np.float32) - clean
        factor = float(np.exp(rng.uniform(*np.log(STRONGER))))
        area, shape = _extent(rng)
        region = _region(width, height, area, shape, rng)
        rgb = _added(clean, grain * np.float32(factor), region)
        severity = _severity(factor * float(grain[region.window].std()))
        planted = [Placement(Wish(DistortionType.NOISE, severity, area, shape), region)]
    if rng.random() < _RECOMPRESSED:
        rgb = _recompressed(rgb, int(rng.integers(80, 98)))
    return rgb, annotate(clean, planted)


def _load(pair: Pair) -> tuple[Rgb, Rgb]:
    noisy, mean = load_picture(pair.noisy).rgb, load_picture(pair.mean).rgb
    if noisy.shape != mean.shape:
        raise InputError(f"{pair.noisy}: is not of the size of {pair.mean.name}; give pairs of one size")
    if min(mean.shape[:2]) < _LEAST_PX:
        raise InputError(f"{pair.mean}: is smaller than {_LEAST_PX} pixels; give larger pairs")
    return noisy, mean


def _window(height: int, width: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A part of every size from _LEAST_PX on."""
    h, w = (
        min(n, round(float(np.exp(rng.uniform(np.log(_LEAST_PX), np.log(n + 1)))))) for n in (height, width)
    )
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return slice(y, y + h), slice(x, x + w)


def _turned(rgb: Rgb, mirrored: bool) -> Rgb:
    return np.ascontiguousarray(rgb[:, ::-1] if mirrored else rgb)


def _extent(rng: np.random.Generator) -> tuple[float, Shape]:
    """All of the picture, or a shape of a quarter of it or more."""
    if rng.random() >= _REGION_SHARE:
        return 1.0, "rectangle"
    return float(rng.uniform(0.25, 0.9)), SHAPES[int(rng.integers(len(SHAPES)))]


def _region(width: int, height: int, area: float, shape: Shape, rng: np.random.Generator) -> Region:
    w, h = (round(n * area**0.5) for n in (width, height))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return Region(x, y, x + w, y + h, draw_mask(shape, w, h, rng))


def _added(clean: Rgb, grain: NDArray[np.float32], region: Region) -> Rgb:
    out = clean.copy()
    share = 1 if region.mask is None else region.mask[..., None]
    part = clean[region.window] + grain[region.window] * share
    out[region.window] = part.round().clip(0, 255).astype(np.uint8)
    return out


def _severity(deviation: float) -> Severity:
    return next(severity for end, severity in SEVERITIES if deviation < end)


def _recompressed(rgb: Rgb, quality: int) -> Rgb:
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)) if ok else rgb
