"""The folder of a run: what it was begun with, the shots, the pictures of frames, and what was seen in them.

run.json       settings, model, the file's mark and its probe: another file or other settings are refused
shots.jsonl    a line a shot, appended as the shot ends
scan.json      there once the whole video has been read
frames/        the pictures of frames, PNG, by number
frames.jsonl   a line a frame that the model has looked at
timeline.json  the result
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from finesight.data.atomic import write_text
from finesight.errors import ConfigError, InputError
from finesight.schema.video import Frozen, SampledFrame, Shot, Timeline, Video
from finesight.video.journal import Journal
from finesight.video.settings import AnalysisSettings

RUN, SHOTS, SCAN, FRAMES, TIMELINE = "run.json", "shots.jsonl", "scan.json", "frames.jsonl", "timeline.json"
PICTURES = "frames"

M = TypeVar("M", bound=BaseModel)


class RunRecord(Frozen):
    """What a run was begun with.

    mark: what the file's content is told from others by. weights: what the model's files are told from others by.
    """

    schema_version: int = 1
    video: Video
    mark: str
    settings: AnalysisSettings
    model: str = ""
    weights: str = ""
    versions: Mapping[str, str] = Field(default_factory=dict)


class Candidate(Frozen):
    """A frame that may be looked at; spare ones have no signals."""

    frame: int = Field(ge=0)
    time: float = Field(ge=0)
    signals: Mapping[str, float] = Field(default_factory=dict)


class ScannedShot(Frozen):
    """A shot as the pass over the video has left it, its frames the most telling first."""

    shot: Shot
    signals: Mapping[str, float]
    regular: tuple[Candidate, ...]
    spare: tuple[Candidate, ...] = ()


class ScanTotals(Frozen):
    """What is known when the last frame has been read. held: the most decoded frames in memory at a time."""

    frames: int
    end: float
    damaged: int
    irregular: bool
    held: int


class RunFolder:
    """A run folder that this process works on; no other one can at the same time."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        """Open or begin it.

        Raises:
            ConfigError: it is of another file, other settings or another model. InputError: it is being written, or
                cannot be read.
        """
        self.path = path
        before = _read(path / RUN, RunRecord)
        if before is None and path.is_dir() and not all(map(_just_begun, path.iterdir())):
            raise ConfigError(f"{path}: is no run folder and not empty; name another one")
        if before is not None:
            _check_same(path, before, record)
        with ExitStack() as opened:
            self.shots = opened.enter_context(Journal(path / SHOTS, ScannedShot))
            self.frames = opened.enter_context(Journal(path / FRAMES, SampledFrame))
            if before is None:
                write_text(path / RUN, record.model_dump_json(indent=1) + "\n")
            self._opened = opened.pop_all()
        self.record = before or record

    @property
    def totals(self) -> ScanTotals | None:
        """None while the video has not been read to its end."""
        return _read(self.path / SCAN, ScanTotals)

    @property
    def timeline(self) -> Timeline | None:
        """The result; None before there is one."""
        return _read(self.path / TIMELINE, Timeline)

    def finish_scan(self, totals: ScanTotals) -> None:
        write_text(self.path / SCAN, totals.model_dump_json(indent=1) + "\n")

    def finish(self, timeline: Timeline) -> None:
        write_text(self.path / TIMELINE, timeline.model_dump_json(indent=1) + "\n")

    def name(self, frame: int) -> str:
        """The picture of a frame, as a path in the folder."""
        return f"{PICTURES}/{frame:08d}.png"

    def picture(self, frame: int) -> Path:
        return self.path / self.name(frame)

    def keep_only(self, frames: Iterable[int]) -> None:
        """Delete the pictures of all other frames, and what a kill has left half written."""
        kept = {self.picture(frame).name for frame in frames}
        for path in (self.path / PICTURES).glob("*"):
            if path.name not in kept:
                path.unlink()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()


def read_timeline(run: Path) -> Timeline:
    """The timeline of a finished run.

    Raises:
        InputError: there is none.
    """
    found = _read(run / TIMELINE, Timeline)
    if found is None:
        raise InputError(f"{run}: has no {TIMELINE}; `finesight video analyse IN --out {run}` makes it")
    return found


def read_record(run: Path) -> RunRecord:
    """What a run was begun with.

    Raises:
        InputError: it is no run folder.
    """
    found = _read(run / RUN, RunRecord)
    if found is None:
        raise InputError(f"{run}: has no {RUN}; `finesight video analyse IN --out {run}` makes it")
    return found


def _read(path: Path, kind: type[M]) -> M | None:
    """What a file of the folder holds, None where it is not there.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read ({told}); delete the folder and analyse again") from error


def _just_begun(file: Path) -> bool:
    """Whether it is what a kill leaves before the run's record is written."""
    half_written = file.name.startswith(".") and file.suffix == ".tmp"
    return half_written or (file.name in (SHOTS, FRAMES) and file.stat().st_size == 0)


def _check_same(path: Path, before: RunRecord, now: RunRecord) -> None:
    old, new = (_flat(record) for record in (before, now))
    different = [
        f"{name} is {json.dumps(new[name])}, was {json.dumps(old[name])}"
        for name in new
        if new[name] != old[name]
    ]
    if different:
        raise ConfigError(f"{path}: holds another analysis: {'; '.join(different)}; name another folder")


def _flat(record: RunRecord) -> dict[str, object]:
    """What must be the same for a run to go on."""
    return {
        "file": record.mark,
        "model": record.model,
        "weights": record.weights,
    } | record.settings.model_dump()
