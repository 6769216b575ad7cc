"""Whether an HDR10 file is what it says, found by decoding it, and still the picture that it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.schema.hdr import ContentLight
from finesight.schema.verdict import Check, Gate
from finesight.schema.video import Video
from finesight.video.ffmpeg import Runner
from finesight.video.frames import FrameReader, luma
from finesight.video.hdr.content_light import decoded_light
from finesight.video.making import Watch
from finesight.video.probe import has_light, probe

LIGHT_OFF = 0.05
"""By how much what is decoded may be brighter or darker than the tags say; coding moves single pixels."""
ALIKE = 0.95
_TAGS = {"primaries": "bt2020", "transfer": "smpte2084", "matrix": "bt2020nc", "range": "tv"}
_PX = 64

_check = partial(Check, gate=Gate.STRUCTURE)
Plane = NDArray[np.uint8]


class Decoded(NamedTuple):
    """An HDR file as it was decoded. bare: frames without side data of light; planes: luma of some, by number."""

    video: Video
    frames: int
    bare: int
    light: ContentLight
    planes: Mapping[int, Plane]


def inspect(
    file: Path, runner: Runner, wanted: Iterable[int], watch: Watch = lambda done, of: None
) -> Decoded:
    """Decode a whole file.

    Args:
        wanted: numbers of frames whose luma is kept, small.

    Raises:
        VideoError: it is no video. InputError: it cannot be decoded.
    """
    video = probe(file)
    left = set(wanted)
    planes: dict[int, Plane] = {}
    reader = FrameReader(file, video.rate)
    bare = 0
    for one in reader:
        bare += not has_light(one.frame)
        if one.ordinal in left:
            planes[one.ordinal] = thumb(luma(one.frame, video.colour))
    return Decoded(video, reader.frames, bare, decoded_light(file, video, runner, watch), planes)


def thumb(plane: Plane) -> Plane:
    """A small copy of the brightness of a frame."""
    height = max(1, round(plane.shape[0] * _PX / plane.shape[1]))
    return np.asarray(cv2.resize(plane, (_PX, height), interpolation=cv2.INTER_AREA), np.uint8)


def checks(
    found: Decoded, frames: int, tagged: ContentLight, before: Mapping[int, Plane]
) -> tuple[Check, ...]:
    """What an HDR10 file must be.

    Args:
        frames: of the source. tagged: light that was measured before encoding. before: luma of frames of the source,
            small, by number.
    """
    video = found.video
    tags = {name: getattr(video.colour, name) for name in _TAGS}
    assumed = [name for name in _TAGS if name in video.colour.assumed]
    told = {"max_cll": ceil(tagged.max_cll), "max_fall": ceil(tagged.max_fall)}
    said = {name: round(video.hdr.get(name, -1.0)) for name in told}
    return (
        _same("frames", found.frames, frames, "a frame less or more shifts all that follow"),
        _same("bits", video.bit_depth, 10, "PQ in 8 bits shows bands"),
        _same("colour tags", _listed(tags, assumed), _listed(_TAGS), "without them a player shows it grey"),
        _same("content light", _listed(said), _listed(told), "a screen maps tones by it"),
        _same("mastering display", "max_luminance" in video.hdr, True, "a screen maps tones by it"),
        _same("frames without side data", found.bare, 0, "a player that begins there maps tones by chance"),
        _near("MaxCLL decoded", found.light.max_cll, tagged.max_cll),
        _near("MaxFALL decoded", found.light.max_fall, tagged.max_fall),
        _alike(found.planes, before),
    )


def _same(name: str, value: float | str, wanted: float | str, why: str) -> Check:
    return _check(name=name, value=value, limit=str(wanted), passed=value == wanted, why=why)


def _near(name: str, nits: float, tagged: float) -> Check:
    low, high = (1 - LIGHT_OFF) * tagged, (1 + LIGHT_OFF) * ceil(tagged)
    return _check(
        name=name,
        value=round(nits, 1),
        limit=f"{low:.1f} to {high:.1f} nits",
        passed=low - 0.5 <= nits <= high + 0.5,
        why="what is tagged is what a screen gets",
    )


def _alike(after: Mapping[int, Plane], before: Mapping[int, Plane]) -> Check:
    likeness = [_correlation(before[n], after[n]) for n in before if n in after]
    worst = min(likeness, default=0.0)
    return Check(
        gate=Gate.FIDELITY,
        name="same picture",
        value=round(worst, 4),
        limit=f"at least {ALIKE}",
        passed=worst >= ALIKE,
        why="a conversion changes tones and nothing else; correlation of the worst frame's brightness",
    )


def _correlation(one: Plane, other: Plane) -> float:
    """Of plain pictures, which have no order that could be kept: 1."""
    if one.shape != other.shape:
        return 0.0
    a, b = one.astype(float).ravel(), other.astype(float).ravel()
    if a.std() < 1 or b.std() < 1:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])


def _listed(values: Mapping[str, object], assumed: Sequence[str] = ()) -> str:
    return ", ".join(f"{name} {'none' if name in assumed else value}" for name, value in values.items())
