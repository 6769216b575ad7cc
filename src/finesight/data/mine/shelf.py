"""Samples put away while it is decided who stays, in memory while they are few and else in a nameless file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

from finesight.schema.sample import Sample

IN_MEMORY = 1 << 25
"""Bytes of samples after which they go to disk."""


class Ticket(NamedTuple):
    """Where on the shelf a sample is."""

    at: int
    length: int


class Shelf:
    """Puts samples away for a ticket."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = 0

    def put(self, sample: Sample) -> Ticket:
        data = sample.model_dump_json(exclude_defaults=True).encode()
        self._file.seek(self._end)
        ticket = Ticket(self._end, self._file.write(data))
        self._end += ticket.length
        return ticket

    def get(self, ticket: Ticket) -> Sample:
        self._file.seek(ticket.at)
        return Sample.model_validate_json(self._file.read(ticket.length))


@contextmanager
def shelf() -> Iterator[Shelf]:
    """A shelf that leaves nothing behind."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        yield Shelf(file)
