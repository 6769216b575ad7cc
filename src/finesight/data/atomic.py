"""Writes whole files or none: a reader never sees half of one, whenever the writer is killed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A temporary file in the folder of `path`, made if need be, that takes its place if all goes well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Put `text` at `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def publish(part: Path, target: Path) -> None:
    """Give a folder its final name, once all that is in it is on disk; a former folder of that name is replaced.

    Who may read the folder may read its files: safetensors writes weights for their owner alone.
    """
    readers = part.stat().st_mode & 0o666
    for path in [*part.rglob("*"), part]:
        if path.is_file():
            path.chmod(readers)
        _sync(path)
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)


def settle(part: Path, target: Path) -> None:
    """Give a file that another program has written its final name, once all of it is on disk."""
    _sync(part)
    part.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
