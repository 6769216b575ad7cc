"""What is known of a video: its streams, its shots, what was seen in some frames, and what of that holds for a shot.

Times are seconds from the video's first frame; frames are counted in the order in which one decoder gave them.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Colour(Frozen):
    """Colour tags of a stream by ffmpeg's names. assumed: those that the file does not give, and we took to be so."""

    primaries: str
    transfer: str
    matrix: str
    range: str
    assumed: tuple[str, ...] = ()


class Video(Frozen):
    """A file as probing found it.

    rate: mean frames a second. sar: width of a pixel over its height. rotation: degrees clockwise that a player
    turns the picture. hdr: mastering display and content light by name, where the file has them.
    """

    path: str
    bytes: int = Field(ge=0)
    container: str
    codec: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    pixel_format: str
    bit_depth: int = Field(gt=0)
    duration: float = Field(ge=0)
    rate: float = Field(gt=0)
    sar: float = Field(default=1.0, gt=0)
    rotation: int = 0
    variable_rate: bool = False
    interlaced: bool = False
    colour: Colour
    hdr: Mapping[str, float] = Field(default_factory=dict)
    audio: int = Field(default=0, ge=0, description="streams")
    subtitles: int = Field(default=0, ge=0, description="streams")
    chapters: int = Field(default=0, ge=0)


class Shot(Frozen):
    """Frames between two cuts: start to before end."""

    index: int = Field(ge=0)
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    first_frame: int = Field(ge=0)
    frames: int = Field(gt=0)


class SampledFrame(Frozen):
    """A frame that was looked at: its diagnosis and score, or why there are none.

    picture: its file in the run folder, upright and at full resolution. score: expected quality, 1 bad .. 5
    excellent. signals: statistics by name, as docs/video.md lists them.
    """

    frame: int = Field(ge=0)
    time: float = Field(ge=0)
    picture: str = ""
    diagnosis: Diagnosis | None = None
    score: float | None = Field(default=None, ge=1, le=5)
    error: str | None = None
    signals: Mapping[str, float] = Field(default_factory=dict)


class VideoFinding(Frozen):
    """A distortion of a shot or of the video.

    share: of the sampled frames that show it, 0..1 (of a video: of its time). box: where, in the upright frame in
    which it was worst. confidence: mean over the frames that show it. id: by which plans and reports name it.
    """

    id: str
    type: DistortionType
    severity: Severity
    share: float = Field(ge=0, le=1)
    box: Box
    key: bool = False
    confidence: float | None = Field(default=None, ge=0, le=1)
    start: float = Field(ge=0)
    end: float = Field(ge=0)


class ShotAnalysis(Frozen):
    """A shot, its sampled frames, what they have in common, and its score (1 bad .. 5 excellent; None: unknown)."""

    shot: Shot
    frames: tuple[SampledFrame, ...]
    findings: tuple[VideoFinding, ...] = ()
    score: float | None = Field(default=None, ge=1, le=5)
    signals: Mapping[str, float] = Field(default_factory=dict)


class Timeline(Frozen):
    """A whole analysis. score: mean over time; low: 5th percentile over time; worst: of the worst shot.

    notes: what a reader should know about the file, as that it ends before it says it does.
    """

    schema_version: int = 1
    video: Video
    shots: tuple[ShotAnalysis, ...]
    findings: tuple[VideoFinding, ...] = ()
    notes: tuple[str, ...] = ()
    score: float | None = Field(default=None, ge=1, le=5)
    low: float | None = Field(default=None, ge=1, le=5)
    worst: float | None = Field(default=None, ge=1, le=5)
