"""`rollouts.jsonl`, one group a line, in one file or in the shards of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from finesight.data.readers.reading import Reading, Skipped, first_error
from finesight.errors import InputError
from finesight.schema.rollout import RolloutGroup

SHARDS = "rollouts*.jsonl"
VERSION = 1
_REMEDY = "`finesight rollout sample` writes it"


def rollout_files(path: Path) -> tuple[Path, ...]:
    """The file, or the files `rollouts*.jsonl` of the folder by name.

    Raises:
        InputError: there is none.
    """
    if path.is_dir():
        files = tuple(sorted(path.glob(SHARDS)))
        if not files:
            raise InputError(f"{path}: has no file {SHARDS}; {_REMEDY}")
        return files
    if not path.is_file():
        raise InputError(f"{path}: not found; {_REMEDY}")
    return (path,)


def read_rollouts(files: Iterable[Path]) -> Reading[RolloutGroup]:
    """The groups of files, one after the other, one line in memory at a time.

    A line that is no group, as the last one of a file whose writer was killed, is `Skipped`; its index counts the
    lines of its file from 0.

    Raises:
        InputError: while iterating, where a file cannot be read.
    """
    return Reading(group for file in files for group in _groups(file))


def _groups(path: Path) -> Iterator[RolloutGroup | Skipped]:
    try:
        with path.open("rb") as lines:
            for index, line in enumerate(lines):
                if record := line.strip():
                    yield read_group(record, path, index)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; check the path and its rights"
        ) from error


def read_group(line: bytes, path: Path, index: int) -> RolloutGroup | Skipped:
    """The group of a line of a file."""
    try:
        # Strict: a reward of "0.5" or true is not a number.
        group = RolloutGroup.model_validate_json(line, strict=True)
    except ValidationError as error:
        return Skipped(file=str(path), index=index, reason=first_error(error))
    if group.schema_version != VERSION:
        reason = f"schema_version: {group.schema_version}, but only {VERSION} is known; update finesight"
        return Skipped(file=str(path), index=index, reason=reason)
    return group
