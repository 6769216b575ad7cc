"""Records as they stream in, with the ledger of what could not be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

T = TypeVar("T")


class Skipped(BaseModel):
    """A record that was left out: its file, its index (0-based, in file order) and why."""

    model_config = ConfigDict(frozen=True)

    file: str
    index: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: record {self.index}: {self.reason}"


class BadRecord(ValueError):
    """Why one record is not what its file should hold; readers turn it into a `Skipped`."""


class Reading(Generic[T]):
    """The good records of a file, once, in file order; `skipped` grows as they are read.

    >>> reading = read_metadata(path)
    >>> annotations = list(reading)
    >>> reading.skipped
    """

    def __init__(self, items: Iterable[T | Skipped]) -> None:
        self._items = iter(items)
        self.skipped: list[Skipped] = []

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        for item in self._items:
            if not isinstance(item, Skipped):
                return item
            self.skipped.append(item)
        raise StopIteration


def convert(
    records: Iterable[tuple[int, Any] | Skipped], file: str, build: Callable[[dict[str, Any], int], T]
) -> Iterator[T | Skipped]:
    """What `build` makes of each (index, record); a record it refuses becomes a `Skipped`."""
    for item in records:
        if isinstance(item, Skipped):
            yield item
            continue
        index, record = item
        try:
            if not isinstance(record, dict):
                raise BadRecord(f"an object is expected, not {type(record).__name__}")
            yield build(record, index)
        except BadRecord as error:
            yield Skipped(file=file, index=index, reason=str(error))
        except ValidationError as error:
            yield Skipped(file=file, index=index, reason=first_error(error))


def first_error(error: ValidationError) -> str:
    """The first complaint of a pydantic error on one line: field, what is wrong, what was given."""
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"])
    complaint = f"{detail['msg'].removeprefix('Value error, ')} (got {_short(detail['input'])})"
    return f"{field}: {complaint}" if field else complaint


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
