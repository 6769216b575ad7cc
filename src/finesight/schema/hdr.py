"""A video on its way from SDR to HDR: its light, its dynamic range, the conversion chosen, and what came of it.

Light is linear: 0 black .. 1 the white of an SDR screen. Stops are powers of two.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from finesight.schema.box import Box
from finesight.schema.verdict import Check
from finesight.schema.video import Frozen


class Level(StrEnum):
    """How much dynamic range an SDR video has."""

    D0 = "D0"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    @property
    def says(self) -> str:
        return ("flat", "modest", "wide", "extreme")[self.rank]


class Face(Frozen):
    """A face in a picture, and how sure it is (None: who gave it did not say)."""

    box: Box
    confidence: float | None = Field(default=None, ge=0)


class FaceLight(Frozen):
    """A face against what is around it. face, surround: median light; delta: stops between; headroom: to white."""

    box: Box
    face: float = Field(ge=0, le=1)
    surround: float = Field(ge=0, le=1)
    delta: float
    headroom: float = Field(ge=0)


class Light(Frozen):
    """How light is spread in a picture, or what is in the middle of several.

    p05, p50, p95: percentiles of luminance. stops: between the first and the last. highlights, dark: shares above .6
    and below .01. clipped_flat, clipped_small: shares of the pixels at white in large flat areas, and in small ones.
    """

    p05: float = Field(ge=0, le=1)
    p50: float = Field(ge=0, le=1)
    p95: float = Field(ge=0, le=1)
    stops: float = Field(ge=0)
    highlights: float = Field(ge=0, le=1)
    dark: float = Field(ge=0, le=1)
    clipped_flat: float = Field(ge=0, le=1)
    clipped_small: float = Field(ge=0, le=1)


class FrameLight(Frozen):
    """A frame measured. faces: those that were found or given."""

    frame: int = Field(ge=0)
    light: Light
    faces: tuple[FaceLight, ...] = ()


class ShotLight(Frozen):
    """A shot measured. light: medians over its frames; None: none of its frames was kept."""

    shot: int = Field(ge=0)
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    frames: tuple[FrameLight, ...]
    light: Light | None
    level: Level | None


class Spread(Frozen):
    """A feature over the time of a video: what 10, 50 and 90 % of it do not exceed."""

    p10: float
    p50: float
    p90: float


class VideoLight(Frozen):
    """A video measured: its shots, and its features over time by name."""

    shots: tuple[ShotLight, ...]
    spread: dict[str, Spread]


class Conversion(Frozen):
    """What a shot is converted with. level: that it counts as; preset: name of the curve; why: a sentence each."""

    shot: int = Field(ge=0)
    level: Level
    preset: str
    why: tuple[str, ...]


class Conversions(Frozen):
    """A video's dynamic range, who decided it (rules, person, model), and the conversion of every shot."""

    level: Level
    by: str
    why: str
    shots: tuple[Conversion, ...]


class ContentLight(Frozen):
    """Brightest pixel and brightest frame on average, of the largest of the colours, in nits (CTA-861.3)."""

    max_cll: float = Field(ge=0)
    max_fall: float = Field(ge=0)


class HdrResult(Frozen):
    """A video as HDR10, judged.

    light: as tagged; decoded: as found in the file. output: in the run folder; None: it is not to be used. mark:
    digest of it. key: of what the result depends on.
    """

    schema_version: int = 1
    key: str
    source: str
    conversions: Conversions
    light: ContentLight
    decoded: ContentLight
    checks: tuple[Check, ...]
    output: str | None
    mark: str
