"""Files that are only appended to, a record a line, by one process at a time; a kill cuts off one line at most."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from finesight.errors import InputError


def lock(file: BinaryIO, path: Path) -> None:
    """Keep other processes from writing a file until it is closed.

    Raises:
        InputError: another one does.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{path}: is being written by another process; wait for it or stop it") from None


def append(file: BinaryIO, lines: Iterable[bytes]) -> None:
    """Add lines with their line breaks; when this returns they are on the disk."""
    file.write(b"".join(lines))
    file.flush()
    os.fsync(file.fileno())


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file from where it stands, but for one that was cut off."""
    return (line for line in file if line.endswith(b"\n"))


def recover(file: BinaryIO) -> Iterator[bytes]:
    """The whole lines of a file from its beginning; once all are taken, what stands behind them is cut off."""
    file.seek(0)
    end = 0
    for line in whole_lines(file):
        yield line
        end += len(line)
    file.truncate(end)
