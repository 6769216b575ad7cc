"""A folder of rollouts: groups are appended as they are sampled, and nothing is lost or sampled twice by a kill.

A shard has three files: `rollouts*.jsonl`, a group a line; `rollouts*.json`, the settings they were sampled and
scored with; `skipped*.txt`, what could not be sampled and why. Where there is one shard only, `*` is nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finesight.data.appending import append, lock, recover, whole_lines
from finesight.data.atomic import replacing, write_text
from finesight.data.readers.reading import Skipped
from finesight.data.readers.rollouts import read_group, rollout_files
from finesight.errors import ConfigError, InputError
from finesight.schema.rollout import RolloutGroup, Sampling


class Shard(BaseModel):
    """Part `index` (from 1) of `count`."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(default=1, ge=1)
    count: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _within(self) -> Shard:
        if self.index > self.count:
            raise ValueError(f"there is no shard {self.index} of {self.count}")
        return self

    @property
    def suffix(self) -> str:
        """What its files have in their names."""
        return f"-{self.index:05}-of-{self.count:05}" if self.count > 1 else ""


WHOLE = Shard()


class Scoring(BaseModel):
    """How answers were scored: reward settings, and the user's own functions by subclass."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, float | int]
    own: dict[str, str] = {}


class RolloutRecord(BaseModel):
    """What the groups of a shard were made with.

    data: SHA-256 of the samples; model, weights: its name, and what its files are told from others by. thinking:
    whether answers were asked to think first. scoring: None while they are being scored anew. shards: how many.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    data: str
    model: str
    weights: str
    sampling: Sampling
    seed: int
    thinking: bool = False
    shards: int = 1
    scoring: Scoring | None


class RolloutLog:
    """A shard that is being written. `done` has the indices of the samples whose groups are there."""

    def __init__(self, folder: Path, record: RolloutRecord, shard: Shard) -> None:
        """Open or begin it; a line that a kill has cut off is dropped.

        Raises:
            ConfigError: the folder holds rollouts of other settings. InputError: the file is being written already,
                or holds a line that is no group.
        """
        for path in sorted(folder.glob("rollouts*.json")):
            _check_same(path, record)
        folder.mkdir(parents=True, exist_ok=True)
        self._skipped_file = folder / f"skipped{shard.suffix}.txt"
        self.path = folder / f"rollouts{shard.suffix}.jsonl"
        self._file = self.path.open("a+b")
        try:
            lock(self._file, self.path)
            write_text(self.path.with_suffix(".json"), record.model_dump_json(indent=1) + "\n")
            self.done = _recover(self._file, self.path)
        except BaseException:
            self._file.close()
            raise
        self.skipped: dict[str, str] = {}

    def add(self, groups: Iterable[RolloutGroup]) -> None:
        """Append groups; when this returns they are on the disk."""
        new = list(groups)
        append(self._file, map(_line, new))
        self.done |= {group.index for group in new}

    def skip(self, what: str, reason: str) -> None:
        """Note what cannot be sampled."""
        self.skipped[what] = reason

    def __enter__(self) -> RolloutLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.skipped:
            lines = (f"{what}: {reason}\n" for what, reason in self.skipped.items())
            write_text(self._skipped_file, "".join(lines))
        elif kind is None:
            self._skipped_file.unlink(missing_ok=True)


def score_again(
    path: Path, score: Callable[[RolloutGroup], RolloutGroup], scoring: Scoring
) -> Iterator[RolloutGroup | Skipped]:
    """Score the groups of a file or folder anew; every file is replaced as a whole once it is all scored.

    Gives every group with its new rewards. A line that is no group is given as such and stays as it is.

    Raises:
        InputError: no rollouts, or some that are being written.
    """
    for file in rollout_files(path):
        with file.open("rb") as old:
            lock(old, file)
            record = _read_record(file.with_suffix(".json"))
            _write_scoring(file, record, None)
            with replacing(file) as new:
                for index, line in enumerate(whole_lines(old)):
                    group = read_group(line, file, index)
                    if isinstance(group, RolloutGroup):
                        group = score(group)
                        line = _line(group)
                    new.write(line)
                    yield group
            _write_scoring(file, record, scoring)


def _write_scoring(file: Path, record: RolloutRecord | None, scoring: Scoring | None) -> None:
    if record is not None:
        changed = record.model_copy(update={"scoring": scoring})
        write_text(file.with_suffix(".json"), changed.model_dump_json(indent=1) + "\n")


def _read_record(path: Path) -> RolloutRecord | None:
    """What a record says; None where there is none.

    Raises:
        InputError: it cannot be read.
    """
    if not path.exists():
        return None
    try:
        return RolloutRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            f"{path}: cannot be read as the settings of rollouts ({' '.join(str(error).split())[:200]}); "
            "put the folder aside and sample anew"
        ) from error


def _check_same(path: Path, record: RolloutRecord) -> None:
    """Raises: ConfigError if a folder's record is another one."""
    found = _read_record(path)
    if found is None:
        return
    before, now = found.model_dump(mode="json"), record.model_dump(mode="json")
    if found.scoring is None:
        raise ConfigError(f"{path.parent}: scoring it was cut off; `finesight rollout score` does it again")
    different = [name for name in now if before[name] != now[name]]
    if different == ["scoring"]:
        raise ConfigError(
            f"{path.parent}: its answers were scored in another way ({_told(before, now, 'scoring')}); "
            "sample with those settings, and score them anew with `finesight rollout score`"
        )
    if different:
        told = "; ".join(_told(before, now, name) for name in different)
        raise ConfigError(f"{path.parent}: holds rollouts of other settings: {told}; name another folder")


def _told(before: dict[str, object], now: dict[str, object], name: str) -> str:
    return f"{name} is {json.dumps(now[name])}, was {json.dumps(before[name])}"


def _recover(file: BinaryIO, path: Path) -> set[int]:
    """Indices of the groups of a file; what stands behind its last line break is cut off.

    Raises:
        InputError: a line that is no group.
    """
    done = set()
    for number, line in enumerate(recover(file)):
        group = read_group(line, path, number)
        if not isinstance(group, RolloutGroup):
            raise InputError(f"{group}; take the line out, and its question is sampled again")
        done.add(group.index)
    return done


def _line(group: RolloutGroup) -> bytes:
    return group.model_dump_json().encode("utf-8") + b"\n"
