"""Whether the disk has room for what is going to be written, asked before anything is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from finesight.errors import InputError
from finesight.schema.video import Video

# Pans over three photographs took x264 0.06 to 0.09 bits a pixel at crf 16, and 2.0 to 2.4 with strong noise. What is
# noisy is large in the source too, so that its size says which it is.
_LEAST_BITS, _MOST_BITS, _TIMES_THE_SOURCE = 0.25, 2.5, 2.0
_CRF_OF_HALF = 6.0

Free = Callable[[Path], int]
"""Bytes that are free where a folder lies."""


def free_bytes(folder: Path) -> int:
    """Bytes that are free where a folder lies."""
    return shutil.disk_usage(folder).free


def expected_bytes(video: Video, frames: int, of: int, crf: float, enlarged: float = 1.0) -> int:
    """A generous guess of the bytes of so many encoded frames.

    Args:
        of: frames of the whole video. enlarged: times as many pixels as the source has.
    """
    pixels = video.width * video.height
    of_source = video.bytes * 8 / (pixels * max(1, of))
    bits = min(max(_LEAST_BITS, _TIMES_THE_SOURCE * of_source), _MOST_BITS)
    return round(pixels * frames * enlarged * bits / 8 * 2 ** ((16 - crf) / _CRF_OF_HALF))


def check_room(folder: Path, needed: int, free: Free = free_bytes) -> None:
    """
    Raises:
        InputError: less is free than is needed.
    """
    there = free(folder)
    if there < needed:
        raise InputError(
            f"{folder}: {_amount(needed)} are needed and {_amount(there)} are free; "
            "free some of the disk, or analyse into a folder on another one"
        )


def _amount(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
