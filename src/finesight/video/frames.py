"""Frames of a video, each decoded once, with the time at which it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from finesight.data.pyav import load_av
from finesight.schema.video import Colour
from finesight.video.colour import HDR_TRANSFERS
from finesight.video.opening import open_video
from finesight.video.probe import clockwise, irregular
from finesight.video.tone import to_sdr

THUMBNAIL_PX = 256
"""Width of the small pictures in which cuts are looked for."""
_STEPS = 4096
_MATRICES = {"bt709": 1, "gbr": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7}
_BT2020 = 9
_LUMA_FIRST = ("yuv", "nv12", "nv16", "nv21", "gray", "p010", "p012", "p016", "p210", "p216")
_HIGH_BITS = ("p010", "p012", "p210")
"""Of these formats luma is the whole first plane; of the latter its bits are the upper ones of 16."""
_PLANAR = re.compile(r"yuvj?a?4\d\dp")
_TABLE = 256
_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}

Pixels = NDArray[np.uint8]


class Decoded(NamedTuple):
    """A frame of PyAV, its number from 0 in the order of decoding, and its time in seconds from the first one."""

    ordinal: int
    time: float
    frame: Any


class FrameReader:
    """Gives the frames of a video once, in the order in which they are shown.

    Afterwards it knows how many there were (`frames`), when the last one ends (`end`), how many packets or frames
    were damaged (`damaged`), and whether they come at uneven times (`irregular`).
    """

    def __init__(self, path: Path, rate: float) -> None:
        """rate: mean frames a second, by which the times that a file does not give are filled in."""
        self._path = path
        self._step = 1 / rate
        self._steps: list[float] = []
        self._tick = 0.0
        self.frames = 0
        self.end = 0.0
        self.damaged = 0

    @property
    def irregular(self) -> bool:
        return irregular(list(np.cumsum(self._steps)), self._tick)

    def __iter__(self) -> Iterator[Decoded]:
        start: float | None = None
        time = 0.0
        for frame in self._decoded():
            told = None if frame.time is None else float(frame.time)
            if start is None:
                start = told or 0.0
            elif told is None or told - start <= time:  # no time, or one that goes back: as by the rate
                time += self._step
            else:
                if len(self._steps) < _STEPS:
                    self._steps.append(told - start - time)
                time = told - start
            self.end = time + _length(frame, self._step)
            yield Decoded(self.frames, time, frame)
            self.frames += 1

    def _decoded(self) -> Iterator[Any]:
        """Frames; what cannot be decoded is counted, and the rest goes on."""
        av = load_av()
        with open_video(self._path) as (container, stream):
            stream.thread_type = "AUTO"
            self._tick = float(stream.time_base)
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                    self.damaged += bool(packet.is_corrupt)
                    frames = packet.decode()
                except StopIteration:
                    return
                except av.error.FFmpegError:
                    self.damaged += 1
                    if not container.input_was_opened:
                        return
                    continue
                for frame in frames:
                    self.damaged += bool(frame.is_corrupt)
                    yield frame


def _length(frame: Any, step: float) -> float:
    """Seconds that a frame says it is shown; by the rate where it does not, or says what cannot be."""
    told = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
    return told if 0 < told <= 10 * step else step


def thumbnail(frame: Any, width: int, height: int) -> Pixels:
    """A small copy, uint8 BGR, at most 256 wide, of the same size for all frames of a video of width x height."""
    scale = min(1.0, THUMBNAIL_PX / width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small: Pixels = frame.reformat(*size, format="bgr24", interpolation="AREA").to_ndarray()
    return small


def upright(frame: Any, colour: Colour) -> Pixels:
    """A frame at full resolution as a person would see it: uint8 RGB (height, width, 3), turned, pixels unscaled.

    HDR is brought to what an SDR screen shows.
    """
    hdr = colour.transfer in HDR_TRANSFERS
    stored = frame.to_ndarray(
        format="rgb48le" if hdr else "rgb24",
        src_colorspace=_MATRICES.get(colour.matrix, _BT2020),
        src_color_range=2 if colour.range == "pc" else 1,
        dst_color_range=2,
    )
    rgb = to_sdr(stored, colour.transfer) if hdr else stored
    turn = _TURNS.get(clockwise(frame))
    return np.asarray(rgb if turn is None else cv2.rotate(rgb, turn), np.uint8)


def luma(frame: Any, colour: Colour) -> Pixels:
    """Brightness of each pixel as the file stores it, uint8 (height, width), 0 black .. 255 white, not turned."""
    name = frame.format.name
    if not name.startswith(_LUMA_FIRST):
        rgb = frame.to_ndarray(format="rgb24")
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    codes, unit = _codes(frame, 0)
    return _expanded(codes, *_ends(colour, unit, 0))


def small_planes(frame: Any, colour: Colour, width: int, height: int) -> Pixels:
    """Y, Cb and Cr of full range, uint8 (3, height, width), each the mean of what it covers; not turned."""
    if not _PLANAR.match(frame.format.name):
        small = frame.reformat(width, height, format="yuvj444p", interpolation="AREA")
        return np.asarray(small.to_ndarray(), np.uint8)
    found = []
    for number in range(3):
        codes, unit = _codes(frame, number)
        # The format's own sizes first: planes are padded, and a plane of another byte order is no array for OpenCV.
        native = np.ascontiguousarray(codes, codes.dtype.newbyteorder("="))
        shrunk = cv2.resize(native, (width, height), interpolation=cv2.INTER_AREA)
        found.append(_expanded(shrunk, *_ends(colour, unit, number)))
    return np.stack(found)


def _codes(frame: Any, number: int) -> tuple[NDArray[Any], int]:
    """The code values of a plane, (height, width), and by how much they are larger than those of 8 bits."""
    name, plane, bits = frame.format.name, frame.planes[number], frame.format.components[number].bits
    kind = np.dtype(np.uint8 if bits == 8 else ">u2" if name.endswith("be") else "<u2")
    codes = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
    return codes, 1 << ((16 if name.startswith(_HIGH_BITS) else bits) - 8)


def _ends(colour: Colour, unit: int, number: int) -> tuple[int, int]:
    """The code values of a plane that become 0 and 255."""
    if colour.range == "pc":
        return 0, 256 * unit - 1
    return 16 * unit, (240 if number else 235) * unit


def _expanded(codes: NDArray[Any], black: int, white: int) -> Pixels:
    """Code values between black and white to 0..255; for bytes by a table."""
    if codes.dtype == np.uint8 and codes.size > _TABLE:
        return np.asarray(cv2.LUT(codes, _expanded(np.arange(_TABLE), black, white)), np.uint8)
    spread = (codes.astype(np.float32) - black) * np.float32(255 / (white - black))
    return np.asarray(np.rint(spread.clip(0, 255)), np.uint8)
