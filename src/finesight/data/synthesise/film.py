"""What making and coding a film does to its frames: `variety = "film"` draws from these ways and types alone.

Encoders of video predict a block from its neighbours and smooth what lies between: with few bits their pictures are
smeared in patches of many sizes, which the blocks of a JPEG do not teach. And a film is seldom still: cameras follow
the horizon, and conversions of the frame rate average frames, which blurs along rows or columns. Its light comes out
wrong where the iris is, or where code values are read by another curve than they were written by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from finesight.data.pyav import load_av
from finesight.data.synthesise.exposure import Span, bend, expose
from finesight.data.synthesise.region import Rgb
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

HEVC_CRF: Span = (36, 51)
"""x265's constant rate factor, of 0..51; of each range the end for the weakest and the end for the strongest."""
VP9_CRF: Span = (48, 63)
"""libvpx's, of 0..63."""
MPEG2_QUANTIZER: Span = (10, 31)
"""FFmpeg's scale of quantisation, of 1..31."""
PAN: Span = (9.0, 80.0)
"""Length of the path along rows or columns, thousandths of the diagonal; on a geometric scale."""
OPENED_STOPS: Span = (0.6, 4.2)
CLOSED_STOPS: Span = (1.0, 6.5)
"""Light that comes in too much or too little."""
GAMMA: Span = (1.4, 5.0)
"""Exponent of code values that are read by too steep a curve."""
PARTS = 5
"""Of a range, one for each picture of a series: finer than severities, for encoders go by small steps."""

_HEVC, _VP9, _MPEG2 = "libx265", "libvpx-vp9", "mpeg2video"
_DECODERS = {_HEVC: "hevc", _VP9: "vp9", _MPEG2: "mpeg2video"}
ENCODERS = tuple(_DECODERS)
"""What PyAV has to have."""

_LEAST = 64  # pixels a side that every one of these encoders takes
_RATE = 25


@dataclass(frozen=True)
class FilmWay:
    """A way whose strength is anywhere in a part of its range; without one, in the third that a severity has.

    change: (rgb, strength 0..1, generator, diagonal in pixels) -> rgb of that shape. part: its number from the
    weakest on, and of how many.
    """

    change: Callable[[Rgb, float, np.random.Generator, float], Rgb]
    part: tuple[int, int] | None = None

    @property
    def __name__(self) -> str:
        return self.change.__name__

    def __call__(self, rgb: Rgb, severity: Severity, rng: np.random.Generator, diagonal: float) -> Rgb:
        number, parts = self.part or (severity.rank - 1, len(Severity))
        return self.change(rgb, (number + float(rng.random())) / parts, rng, diagonal)


def in_part(way: FilmWay, number: int) -> tuple[FilmWay, Severity]:
    """The way in one of PARTS parts of its range, and the severity that the middle of the part has."""
    severity = list(Severity)[int((number + 0.5) * len(Severity) / PARTS)]
    return replace(way, part=(number, PARTS)), severity


def hevc(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame of HEVC with few bits: blocks of 8 to 64 pixels, their seams smoothed."""
    # One thread: the pictures of a seed are the same on every machine.
    quiet = "log-level=none:pools=none:frame-threads=1"
    crf = str(round(_between(HEVC_CRF, strength)))
    return _coded(rgb, _HEVC, {"crf": crf, "preset": "veryfast", "x265-params": quiet})


def vp9(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame of VP9 with few bits: large smooth patches."""
    crf = str(round(_between(VP9_CRF, strength)))
    return _coded(rgb, _VP9, {"crf": crf, "b:v": "0", "deadline": "realtime", "cpu-used": "6"})


def mpeg2(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame of MPEG-2 with few bits: hard blocks of 8 pixels, colour in blocks of 16."""
    scale = str(round(_between(MPEG2_QUANTIZER, strength)))
    return _coded(rgb, _MPEG2, {"qmin": scale, "qmax": scale})


def pan(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """Frames of a camera that moves along rows or columns, averaged."""
    weak, strong = PAN
    length = weak * (strong / weak) ** strength * diagonal / 1000
    reach = int(np.ceil(length / 2))
    path = (length / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1))).clip(0, 1).astype(np.float32)
    kernel = (path / path.sum())[None]
    along_rows = rng.random() < 0.5
    blurred: Rgb = cv2.filter2D(rgb, -1, kernel if along_rows else kernel.T, borderType=cv2.BORDER_REPLICATE)
    return blurred


def opened(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame through an iris opened too far: light multiplied."""
    return expose(rgb, _between(OPENED_STOPS, strength))


def closed(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame through an iris closed too far: light divided."""
    return expose(rgb, -_between(CLOSED_STOPS, strength))


def steep(rgb: Rgb, strength: float, rng: np.random.Generator, diagonal: float) -> Rgb:
    """A frame shown by too steep a curve: what is not white sinks."""
    return bend(rgb, _between(GAMMA, strength))


FILM: Mapping[T, tuple[FilmWay, ...]] = {
    T.BLOCKING_ARTIFACTS: (FilmWay(hevc), FilmWay(hevc), FilmWay(vp9), FilmWay(mpeg2)),
    T.MOTION_BLUR: (FilmWay(pan),),
    T.OVEREXPOSURE: (FilmWay(opened),),
    T.UNDEREXPOSURE: (FilmWay(closed), FilmWay(steep)),
}
"""The ways of a type, equally often, all of them of whole pictures; of codecs most are of the kind of HEVC today."""


def _between(span: Span, strength: float) -> float:
    weak, strong = span
    return weak + (strong - weak) * strength


def _coded(rgb: Rgb, codec: str, options: dict[str, str]) -> Rgb:
    """The picture after an encoder of video and its decoder, which are there (`pyav.require_encoders`)."""
    av = load_av()
    height, width = rgb.shape[:2]
    right, below = max(_LEAST - width, width % 2), max(_LEAST - height, height % 2)
    even = cv2.copyMakeBorder(rgb, 0, below, 0, right, cv2.BORDER_REPLICATE)
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = even.shape[:2]
    encoder.pix_fmt, encoder.options, encoder.thread_count = "yuv420p", options, 1
    encoder.time_base = Fraction(1, _RATE)
    frame = av.VideoFrame.from_ndarray(even)
    frame.pts = 0
    decoder = av.CodecContext.create(_DECODERS[codec], "r")
    packets = [*encoder.encode(frame), *encoder.encode(None), None]
    (coded,) = (picture for packet in packets for picture in decoder.decode(packet))
    decoded: Rgb = coded.to_ndarray(format="rgb24")[:height, :width]
    return decoded
