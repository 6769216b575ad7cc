"""Photographs on disk, and clean pictures cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.images import SUFFIXES, load_picture
from finesight.data.synthesise.exposure import expose
from finesight.data.synthesise.region import Rgb
from finesight.errors import InputError

_KEPT = 4  # a photograph is kept at most this many times larger than the pictures cut from it
_LEAST_SIZE = 96
_ASPECTS = (1.0, 4 / 3, 3 / 2, 16 / 9)
_LEAST_SHRINKING = (
    1.3  # crops are taken this much larger where the photograph allows: shrinking keeps them crisp
)
_LIT_SHARES = 0.03, 0.4  # of a picture in low key
_BRIGHTEST = 130, 250  # code values that one in two hundred of its pixels reaches,
_MOST_LIFTED = 4.0  # unless they would have to be multiplied by more than that

Light = NDArray[np.float64]


def find_photographs(folder: Path, recursive: bool = False) -> list[Path]:
    """The picture files of a folder by name, in the order of their paths.

    Raises:
        InputError: no such folder, or no picture file in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder with photographs")
    found = sorted(p for p in folder.glob("**/*" if recursive else "*") if p.suffix.lower() in SUFFIXES)
    if not found:
        where = "in or below it" if recursive else "directly inside (its subfolders are left out)"
        raise InputError(f"{folder}: no photograph {where}; name a folder with .jpg, .png or similar files")
    return found


@lru_cache(maxsize=2)
def load_photograph(path: Path, size: int) -> Rgb:
    """A photograph, reduced so that its long side is at most four times `size` pixels.

    Raises:
        InputError: it cannot be read, or no picture of that size can be cut from it without enlarging.
    """
    rgb = load_picture(path).rgb
    height, width = rgb.shape[:2]
    if not _aspects(width, height, size):
        raise InputError(
            f"{path}: {width}x{height} is too small to cut {size} px from; give a larger photograph"
        )
    scale = _KEPT * size / max(width, height)
    if scale >= 1:
        return rgb
    reduced: Rgb = cv2.resize(
        rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA
    )
    return reduced


def cut(photograph: Rgb, size: int, rng: np.random.Generator) -> Rgb:
    """A random part of a photograph, reduced to a long side of `size` pixels, mirrored or not."""
    height, width = photograph.shape[:2]
    shapes = _aspects(width, height, size)
    out_w, out_h = shapes[int(rng.integers(len(shapes)))]
    most = min(width / out_w, height / out_h)
    least = min(_LEAST_SHRINKING, most)
    scale = float(np.exp(rng.uniform(np.log(least), np.log(most))))
    w, h = min(width, round(out_w * scale)), min(height, round(out_h * scale))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    part = photograph[y : y + h, x : x + w]
    if scale > 2:  # halving exactly costs next to nothing and takes most of the work off the odd factor
        even = part[: h // 2 * 2, : w // 2 * 2]
        part = cv2.resize(even, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    part = cv2.resize(part, (out_w, out_h), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(part[:, ::-1]) if rng.random() < 0.5 else part


def draw_size(size: int, rng: np.random.Generator) -> int:
    """A long side from half of `size` to all of it, every factor as likely."""
    return max(_LEAST_SIZE, round(size * float(np.exp(rng.uniform(np.log(0.5), 0)))))


def imperfect(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """A clean picture as the web has them: a little darker or lighter, softened, grained or compressed than it
    could be, less than anybody minds.
    """
    toned, softened, grained, compressed = rng.random(4) < (0.4, 0.25, 0.25, 0.5)
    if toned:
        rgb = expose(rgb, float(rng.uniform(-0.6, 0.35)))
    if softened:
        rgb = cv2.GaussianBlur(rgb, (0, 0), float(rng.uniform(0.3, 0.7)))
    if grained:
        grain = rng.standard_normal(rgb.shape, dtype=np.float32) * np.float32(rng.uniform(0.5, 2.5))
        rgb = (rgb + grain).round().clip(0, 255).astype(np.uint8)
    if compressed:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(65, 97))]
        ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)
        rgb = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)) if ok else rgb
    return rgb


def low_key(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """A clean picture most of which is black, as at night, on a stage and in space: light falls on one spot, or
    only what was bright is lit. What is lit is well exposed.
    """
    height, width = rgb.shape[:2]
    lit = float(np.exp(rng.uniform(*np.log(_LIT_SHARES))))
    light = _spot(width, height, lit, rng) if rng.random() < 0.5 else _highlights(rgb, lit)
    dark = rgb * light[..., None].astype(np.float32)
    brightest = float(np.percentile(dark.max(axis=2), 99.5))
    factor = min(float(rng.uniform(*_BRIGHTEST)) / max(brightest, 1.0), _MOST_LIFTED)
    return (dark * factor).round().clip(0, 255).astype(np.uint8)


def _spot(width: int, height: int, lit: float, rng: np.random.Generator) -> Light:
    """(height, width) of a round light on so much of a picture, its middle anywhere."""
    x, y = np.meshgrid(np.arange(width) - rng.uniform(0, width), np.arange(height) - rng.uniform(0, height))
    distance = np.hypot(x, y)
    return _ramp(-distance, lit, distance.std() * rng.uniform(0.05, 0.5))


def _highlights(rgb: Rgb, lit: float) -> Light:
    """(height, width) of light on so much of a picture, where it is brightest."""
    tone = cv2.GaussianBlur(rgb.mean(axis=2), (0, 0), max(rgb.shape) / 200)
    return _ramp(tone, lit, tone.std())


def _ramp(values: Light, lit: float, width: float) -> Light:
    """0..1, one half where the highest `lit` of the values begin; width: of the way from 0 to 1."""
    return np.clip((values - np.quantile(values, 1 - lit)) / max(width, 1e-6) + 0.5, 0, 1)


def _aspects(width: int, height: int, size: int) -> Sequence[tuple[int, int]]:
    """Widths and heights with a long side of `size` that fit into `width` x `height`."""
    short = [round(size / aspect) for aspect in _ASPECTS]
    shapes = [(size, short[0])] + [shape for s in short[1:] for shape in ((size, s), (s, size))]
    return [(w, h) for w, h in shapes if w <= width and h <= height]
