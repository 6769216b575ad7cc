"""Where a shot ends: PySceneDetect's detectors, fed with frames by their times."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from finesight.errors import InputError
from finesight.video.frames import Pixels
from finesight.video.settings import AnalysisSettings

_MICRO = 1_000_000
WARM_UP = 8
"""So many frames before a cut bring a new detector to where an old one was; adaptive looks at five."""


class CutFinder:
    """Says at which frames new shots begin, a few frames late.

    The least length of a shot is held here and not by the detector: what a detector says then depends on the last
    few frames only, and an analysis that goes on behind a cut finds the same cuts as one that was never cut off.
    """

    def __init__(
        self, settings: AnalysisSettings, rate: float, last_cut: tuple[int, float] | None = None
    ) -> None:
        """rate: mean frames a second. last_cut: number and time of the frame at which the shot began."""
        self._detector = _detector(settings)
        self._rate = Fraction(rate).limit_denominator(100_000)
        self._least = settings.min_shot
        self._last = last_cut or (0, 0.0)
        self._seen: dict[int, tuple[int, float]] = {}
        self.delay = int(self._detector.event_buffer_length)
        """By so many frames at most a cut is told late."""

    def see(self, ordinal: int, time: float, small: Pixels) -> int | None:
        """The number of the frame at which a new shot has begun, if that is known now.

        Args:
            small: the frame in few pixels, uint8 BGR.
        """
        from scenedetect.common import FrameTimecode, Timecode

        micro = round(time * _MICRO)
        self._seen[micro] = (ordinal, time)
        while len(self._seen) > self.delay + 1:
            del self._seen[next(iter(self._seen))]
        at = FrameTimecode(Timecode(micro, Fraction(1, _MICRO)), self._rate)
        for cut in self._detector.process_frame(at, small):
            found = self._seen.get(round(cut.seconds * _MICRO))
            if found and found[0] > self._last[0] and found[1] - self._last[1] >= self._least:
                self._last = found
                return found[0]
        return None


def _detector(settings: AnalysisSettings) -> Any:
    """Raises: InputError if PySceneDetect is not installed."""
    try:
        from scenedetect.detectors import AdaptiveDetector, ContentDetector
    except ImportError as error:
        raise InputError(
            "PySceneDetect, which finds cuts, is not installed: pip install 'finesight[video]'"
        ) from error
    given = {} if settings.threshold is None else {"threshold": settings.threshold}
    if settings.detector == "content":
        return ContentDetector(min_scene_len=0, **given)
    return AdaptiveDetector(min_scene_len=0, **{f"adaptive_{name}": value for name, value in given.items()})
