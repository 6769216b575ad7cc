"""The line of a TOML text on which a value stands, so that a complaint can name it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str | int, ...]
"""Keys and positions in arrays that lead to a value: ("rule", 2, "when", "share")."""

_PLACE = re.compile(r"\(at line (\d+), column \d+\)$")


def lines_of(text: str, paths: Sequence[Path]) -> list[int]:
    """The line (from 1) on which the value at each path begins; what is missing has the line of what it would be in.

    TOML's own parser says it: a value begins where what has been read so far does not hold it, and more does.

    Raises:
        tomllib.TOMLDecodeError: the text is not TOML.
    """
    whole = tomllib.loads(text)
    wanted = [_there(whole, path) for path in paths]
    found: dict[Path, int] = {(): 1}
    for line, values in _beginnings(text):
        for path in wanted:
            if path not in found and len(_there(values, path)) == len(path):
                found[path] = line
    return [found[path] for path in wanted]


def line_of_error(error: tomllib.TOMLDecodeError, text: str) -> int:
    """The line at which the parser gave up."""
    place = _PLACE.search(str(error))
    return int(place[1]) if place else text.count("\n") + 1


def _beginnings(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """First line of every statement, and the values of the text up to its end."""
    lines, began = text.splitlines(), 0
    for end in range(1, len(lines) + 1):
        try:
            values = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # inside a value of several lines
        yield began + 1, values
        began = end


def _there(values: Any, path: Path) -> Path:
    """As much of a path as leads to something."""
    for depth, key in enumerate(path):
        inside = isinstance(values, dict) and key in values
        if not inside and not (isinstance(values, list) and isinstance(key, int) and key < len(values)):
            return path[:depth]
        values = values[key]
    return path
