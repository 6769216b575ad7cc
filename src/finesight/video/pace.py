"""The times of all frames of a video as its file counts them, so that frames can be cut out by number."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.schema.video import Frozen
from finesight.video.frames import FrameReader
from finesight.video.opening import VideoError, open_video

_TOLD_EACH = 100


class Pace(Frozen):
    """When each frame is shown.

    mark: of the file's content. ticks: time of each frame, in units of numerator / denominator seconds, in the order
    in which they are shown. keys: numbers of the frames from which a decoder can begin. length: of the last frame.
    """

    mark: str
    numerator: int
    denominator: int
    ticks: tuple[int, ...]
    keys: tuple[int, ...]
    length: int

    @property
    def unit(self) -> Fraction:
        """Seconds of a tick."""
        return Fraction(self.numerator, self.denominator)

    def seconds(self, frame: int) -> float:
        """When a frame is shown, as the file says it; of the number behind the last one, when that one ends."""
        return float(self.tick(frame) * self.unit)

    def tick(self, frame: int) -> int:
        return self.ticks[frame] if frame < len(self.ticks) else self.ticks[-1] + self.length

    def before(self, frame: int) -> int:
        """The key frame behind the last one up to this frame: a seek that lands one too late is still in time."""
        return self.keys[max(0, bisect_right(self.keys, frame) - 2)] if self.keys else 0


def pace_of(
    source: Path, mark: str, rate: float, kept: Path, watch: Callable[[float], object] = lambda seconds: None
) -> Pace:
    """The times of a file's frames.

    Args:
        kept: the file in which they are kept, as finding them takes a decoding. watch: hears of it now and then, as
            seconds of the video.

    Raises:
        VideoError: frames without times, or whose times go back.
    """
    try:
        found = Pace.model_validate_json(kept.read_bytes())
        if found.mark == mark:
            return found
    except (OSError, ValidationError):
        pass  # It can be found again.
    found = _read(source, mark, rate, watch)
    write_text(kept, found.model_dump_json() + "\n")
    return found


def _read(source: Path, mark: str, rate: float, watch: Callable[[float], object]) -> Pace:
    with open_video(source) as (_, stream):
        unit = Fraction(stream.time_base)
    ticks: list[int] = []
    keys: list[int] = []
    length = 0
    for one in FrameReader(source, rate):
        if one.frame.pts is None or (ticks and one.frame.pts <= ticks[-1]):
            raise VideoError(
                source,
                f"frame {one.ordinal} has no time of its own",
                "put it into another container first: ffmpeg -fflags +genpts -i IN -c copy OUT.mkv",
            )
        if one.frame.key_frame:
            keys.append(one.ordinal)
        ticks.append(int(one.frame.pts))
        length = int(one.frame.duration or 0)
        if one.ordinal % _TOLD_EACH == 0:
            watch(one.time)
    usual = sorted(after - before for before, after in pairwise(ticks))
    step = usual[len(usual) // 2] if usual else max(1, round(1 / (rate * unit)))
    return Pace(
        mark=mark,
        numerator=unit.numerator,
        denominator=unit.denominator,
        ticks=tuple(ticks),
        keys=tuple(keys),
        length=length if 0 < length <= 10 * step else step,
    )


class Shown(NamedTuple):
    """Times of the frames of a file that we have made, in seconds, and of its first one."""

    times: tuple[float, ...]
    start: float


def shown(path: Path) -> Shown:
    """The times that the packets of a file's video have, without decoding them.

    Raises:
        InputError: it cannot be read.
    """
    with open_video(path) as (container, stream):
        unit = Fraction(stream.time_base)
        ticks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
    if not ticks:
        raise InputError(f"{path}: holds no frames; run it again")
    return Shown(tuple(float((tick - ticks[0]) * unit) for tick in ticks), float(ticks[0] * unit))
