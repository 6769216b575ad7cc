"""What was measured of a processed video against its source, and what was judged of it.

Frames are counted as in `schema/video.py`; times are seconds, code values are those of 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from finesight.schema.plan import ToolCall
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Frozen, Shot, Video, VideoFinding

OFFSETS = (-2, -1, 0, 1, 2)
"""Frames by which a processed shot is tried to be late."""


class Track(Frozen):
    """A stream of sound by its packets: when it begins after the first frame (less than 0: before it), and ends."""

    codec: str
    channels: int = Field(ge=0)
    start: float
    end: float


class Structure(Frozen):
    """A file as its packets and frames are.

    first: time stamp of its first frame. end: when the last frame ends; damaged: packets or frames that are.
    """

    video: Video
    frames: int = Field(ge=0)
    first: float = 0.0
    end: float = Field(ge=0)
    damaged: int = Field(default=0, ge=0)
    audio: tuple[Track, ...] = ()


class Pooled(Frozen):
    """A score of the frames of a shot, 0..100: harmonic mean, 5th percentile, and that of the worst frame."""

    harmonic: float
    low: float
    least: float


class Change(Frozen):
    """How the frames of a shot differ from the source's.

    jitter: the most by which a frame is shown early or late. unlike: by frames of lateness, how unlike the pictures
    are then, 0 alike .. 2 inverse. strangest: the same of the one frame that is most unlike its own. colour,
    brightness: root of the mean squared difference of chroma, and of luma, over parts of the picture. light: median
    luma of the source and the processed one, 0 black .. 1 white. detail: strength of fine structure over the
    source's, where the source has most. flicker, combing: as signals (docs/video.md), of the source and the
    processed one.
    """

    frames: int = Field(ge=0)
    jitter: float = Field(ge=0)
    unlike: Mapping[int, float]
    strangest: float = Field(ge=0)
    colour: float = Field(ge=0)
    brightness: float = Field(ge=0)
    light: tuple[float, float]
    detail: float = Field(ge=0)
    flicker: tuple[float, float]
    combing: tuple[float, float]


class Improvement(Frozen):
    """Findings of a shot in the source and in what was made of it. None: no frame of it has a diagnosis."""

    before: tuple[VideoFinding, ...] | None
    after: tuple[VideoFinding, ...] | None


class ShotEvidence(Frozen):
    """What is known of a shot. fidelity: by name of the model; improvement: None where nobody looked."""

    shot: Shot
    calls: tuple[ToolCall, ...] = ()
    change: Change
    fidelity: Mapping[str, Pooled]
    improvement: Improvement | None = None


class Evidence(Frozen):
    """What is known of both files, and of every shot.

    late: seconds by which each track of sound is later than in the source; None where that could not be heard. whole:
    what was called for all shots alike.
    """

    source: Structure
    processed: Structure
    late: tuple[float | None, ...] = ()
    whole: tuple[ToolCall, ...] = ()
    shots: tuple[ShotEvidence, ...]


class Gate(StrEnum):
    """What a check is about: whether it is the same film, the same picture, and a better one."""

    STRUCTURE = "structure"
    FIDELITY = "fidelity"
    IMPROVEMENT = "improvement"


class Check(Frozen):
    """One question: what was found, what was allowed, whether it passes, and why that is asked."""

    gate: Gate
    name: str
    value: float | str
    limit: str
    passed: bool
    why: str


class Regression(Frozen):
    """A type that is worse than before; before: None where it was not there."""

    type: DistortionType
    before: Severity | None
    after: Severity


class Outcome(StrEnum):
    """What is to be done with a shot, worst first."""

    ROLLED_BACK = "rolled back"
    WEAKEN = "weaken"
    NO_BENEFIT = "no benefit"
    ACCEPTED = "accepted"

    @property
    def rank(self) -> int:
        return list(Outcome).index(self)


class ShotVerdict(Frozen):
    """A shot judged.

    untouched: nothing was called for it, so that no improvement is asked of it. relieved: types that are less severe
    than they were.
    """

    shot: Shot
    outcome: Outcome
    untouched: bool
    checks: tuple[Check, ...]
    regressions: tuple[Regression, ...] = ()
    relieved: tuple[DistortionType, ...] = ()


class Verdict(Frozen):
    """A video judged. checks: of the file as a whole; a failed one rolls every shot back."""

    schema_version: int = 1
    source: str
    processed: str
    outcome: Literal["accepted", "partly", "rejected"]
    checks: tuple[Check, ...]
    shots: tuple[ShotVerdict, ...]
