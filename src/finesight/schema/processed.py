"""What was made of a video: which chunk files hold which shots, by which commands, and the one output."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from finesight.schema.plan import ToolCall
from finesight.schema.video import Frozen


class Made(Frozen):
    """A chunk that has been encoded. file: its name among the chunks; seconds: it took so long to make."""

    key: str
    file: str
    frames: int = Field(gt=0)
    bytes: int = Field(gt=0)
    sha256: str
    seconds: float = Field(ge=0)
    command: tuple[str, ...]


class Piece(Frozen):
    """Frames of a shot in a chunk: `frames` of them from the number `first` on. chunk: its file in the run folder."""

    chunk: str
    first: int = Field(ge=0)
    frames: int = Field(gt=0)


class ProcessedShot(Frozen):
    """A shot as it came out.

    pieces: where its frames are, in order. commands: what made those chunks. seconds: the work on its frames took so
    long, its part of a chunk that it shares.
    """

    shot: int = Field(ge=0)
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    frames: int = Field(gt=0)
    calls: tuple[ToolCall, ...] = ()
    filters: str = ""
    pieces: tuple[Piece, ...]
    commands: tuple[tuple[str, ...], ...]
    seconds: float = Field(ge=0)


class Processed(Frozen):
    """A whole video as it came out.

    output: its file in the run folder. settings: of processing; encoder: what that is told. notes: what a reader
    should know, as what was assumed or could not be kept. assembly: the command that joined the chunks.
    """

    schema_version: int = 1
    video: str
    output: str
    frames: int = Field(gt=0)
    bytes: int = Field(ge=0)
    settings: Mapping[str, str | int | float] = Field(default_factory=dict)
    encoder: tuple[str, ...]
    versions: Mapping[str, str] = Field(default_factory=dict)
    assembly: tuple[str, ...]
    shots: tuple[ProcessedShot, ...]
    notes: tuple[str, ...] = ()
