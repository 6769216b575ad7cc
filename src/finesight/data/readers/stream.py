"""The records of a JSON list or a JSONL file one by one, with a few megabytes in memory at most.

The decoder is the standard library's, fed from a sliding window. An event parser (ijson) was tried first: it
gives up the whole rest of a file at one `NaN`, which Python's own `json.dump` writes, and at one byte that is
not UTF-8; here both cost one record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from finesight.data.readers.reading import Skipped
from finesight.errors import InputError

CHUNK = 1 << 18
"""Characters read at a time."""

LONGEST = 1 << 26
"""Characters after which a record that does not end is given up."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_UNDECODED = re.compile("[\udc80-\udcff]")
_REMEDY = "save it as UTF-8 JSON, a list of records or one record a line"

Indexed = tuple[int, Any]


def stream_records(path: Path) -> Iterator[Indexed | Skipped]:
    """Index and value of every record of a JSON list or, told by content or by `.jsonl`, of JSON lines.

    A record that is not UTF-8, a line that is not JSON and the break of a truncated list are `Skipped`.

    Raises:
        InputError: the file cannot be read, or is neither a JSON list nor JSON lines.
    """
    try:
        # surrogateescape keeps a stray byte inside its record instead of ending the file there.
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            first = _first_character(stream)
            stream.seek(0)
            if path.suffix.lower() == ".jsonl" and first != "[":
                yield from _lines(stream, path)
            elif first == "{" and _is_json(stream.readline()):
                stream.seek(0)
                yield from _lines(stream, path)
            elif first == "[":
                stream.seek(0)
                yield from _list(stream, path)
            else:
                raise InputError(f"{path}: not JSON records: it begins with {first!r}; {_REMEDY}")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; check the path and its rights"
        ) from error


def _first_character(stream: TextIO) -> str:
    while chunk := stream.read(CHUNK):
        if text := chunk.lstrip():
            return text[0]
    return ""


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _lines(stream: TextIO, path: Path) -> Iterator[Indexed | Skipped]:
    records = (line for line in stream if line.strip())
    for index, line in enumerate(records):
        if _UNDECODED.search(line):
            yield Skipped(file=str(path), index=index, reason="the line is not UTF-8")
            continue
        try:
            yield index, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Skipped(file=str(path), index=index, reason=f"the line is not JSON: {error}")


class _Window:
    """The part of a text under the decoder: `text[at:]` is unread, `base` characters came before it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.text, self.at, self.base, self.ended = "", 0, 0, False

    @property
    def position(self) -> int:
        return self.base + self.at

    def grow(self) -> None:
        """Drop what was read and append as much again as is left, so that long records stay linear."""
        more = self._stream.read(max(CHUNK, len(self.text) - self.at))
        self.ended = not more
        self.base += self.at
        self.text, self.at = self.text[self.at :] + more, 0

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.grow()

    def decode(self) -> Any:
        """The next JSON value. ValueError says why there is none."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except ValueError:
                if self.ended or len(self.text) - self.at > LONGEST:
                    raise
            else:
                # A number near the edge of the window may go on behind it: of 1e-5 it may show 1 or 1e-.
                if end + 2 < len(self.text) or self.ended:
                    if _UNDECODED.search(self.text, self.at, end):
                        value = UnicodeError("the record is not UTF-8")
                    self.at = end
                    return value
            self.grow()


def _list(stream: TextIO, path: Path) -> Iterator[Indexed | Skipped]:
    window = _Window(stream)
    window.peek()
    window.at += 1
    index = 0
    if window.peek() == "]":
        yield from _after(window, path, 0)
        return
    while True:
        window.peek()
        try:
            value = window.decode()
        except (ValueError, RecursionError) as error:
            yield _break(window, path, index, error)
            return
        if isinstance(value, UnicodeError):
            yield Skipped(file=str(path), index=index, reason=str(value))
        else:
            yield index, value
        index += 1
        mark = window.peek()
        if mark == "]":
            yield from _after(window, path, index)
            return
        if mark != ",":
            yield _break(window, path, index, None)
            return
        window.at += 1


def _break(window: _Window, path: Path, index: int, error: Exception | None) -> Skipped:
    """The break of a list; InputError where nothing came before it and the text simply is not JSON."""
    at = window.base + error.pos if isinstance(error, json.JSONDecodeError) else window.position
    end = window.ended and (at >= window.base + len(window.text) or _unterminated(error))
    if end:
        why = f"the file ends inside the list, at character {window.base + len(window.text)}"
    else:
        complaint = error.msg if isinstance(error, json.JSONDecodeError) else "',' or ']' is missing"
        why = f"not JSON at character {at}: {complaint}"
        if index == 0:
            raise InputError(f"{path}: {why}; {_REMEDY}")
    return Skipped(file=str(path), index=index, reason=f"{why}; this record and all behind it are lost")


def _unterminated(error: Exception | None) -> bool:
    return isinstance(error, json.JSONDecodeError) and error.msg.startswith("Unterminated string")


def _after(window: _Window, path: Path, index: int) -> Iterator[Skipped]:
    window.at += 1
    if window.peek():
        reason = f"text behind the end of the list, at character {window.position}, was not read"
        yield Skipped(file=str(path), index=index, reason=reason)
