"""A file of records, one a line, that is only ever appended to; a kill costs no more than the line it has cut off."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from finesight.data.appending import append, lock, recover
from finesight.errors import InputError

R = TypeVar("R", bound=BaseModel)


class Journal(Generic[R]):
    """Records of one kind in a file that no other process writes; `records` are those that are on the disk."""

    def __init__(self, path: Path, kind: type[R]) -> None:
        """Open or begin it; what stands behind the last line break is cut off.

        Raises:
            InputError: another process writes it, or a line is no record.
        """
        self._path, self._kind = path, kind
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            lock(self._file, path)
            self.records = self._recover()
        except BaseException:
            self._file.close()
            raise

    def append(self, new: Iterable[R]) -> None:
        """Add records; when this returns they are on the disk."""
        records = list(new)
        append(self._file, (record.model_dump_json().encode() + b"\n" for record in records))
        self.records += records

    def _recover(self) -> list[R]:
        records = []
        for number, line in enumerate(recover(self._file), 1):
            try:
                records.append(self._kind.model_validate_json(line))
            except ValidationError as error:
                told = " ".join(str(error).split())[:200]
                raise InputError(
                    f"{self._path}: line {number} is no record ({told}); delete the file and run it again"
                ) from error
        return records

    def __enter__(self) -> Journal[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
