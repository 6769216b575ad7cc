"""Fields of foreign records, checked without guessing: no number out of a string, no truth out of 1."""

from __future__ import annotations

import re
from typing import Any

from finesight.data.readers.reading import BadRecord
from finesight.schema.box import SCALE, Box
from finesight.schema.taxonomy import (
    DistortionType,
    Level,
    Severity,
    find_level,
    find_severity,
    find_type,
)

LARGEST = 1e15
"""Bound of every number read; whole numbers below it are exact as floats too."""

# JSON may hold half of a surrogate pair as an escape; no file of UTF-8 can hold it again.
_HALF = re.compile("[\ud800-\udfff]")


def text(record: dict[str, Any], name: str, default: str | None = None) -> str:
    """The string at `name`; BadRecord where it is missing without a default, or something else."""
    value = record.get(name, default)
    if not isinstance(value, str):
        raise BadRecord(f"{name}: {_complaint(record, name, 'a string')}")
    return storable(value, name)


def storable(value: str, name: str) -> str:
    """The string; BadRecord where UTF-8 has no form of it."""
    if _HALF.search(value):
        raise BadRecord(f"{name}: half of a surrogate pair, which is no character")
    return value


def number(record: dict[str, Any], name: str, default: float | None = None) -> float:
    """The finite number at `name`."""
    value = record.get(name, default)
    # The comparison turns away NaN, infinities and integers that no float holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        raise BadRecord(f"{name}: {_complaint(record, name, 'a finite number')}")
    return value


def whole(record: dict[str, Any], name: str) -> int:
    """The whole number at `name`; 640.0 is one."""
    value = number(record, name)
    if value != int(value):
        raise BadRecord(f"{name}: {_complaint(record, name, 'a whole number')}")
    return int(value)


def strings(record: dict[str, Any], name: str) -> tuple[str, ...]:
    """The list of strings at `name`."""
    value = record.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRecord(f"{name}: {_complaint(record, name, 'a list of strings')}")
    return tuple(storable(item, name) for item in value)


def records(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The list of objects at `name`."""
    value = record.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadRecord(f"{name}: {_complaint(record, name, 'a list of objects')}")
    return value


def box(record: dict[str, Any], name: str = "coordinates") -> Box:
    """The box [x1, y1, x2, y2] at `name`, whole numbers 0..1000 with x1 <= x2 and y1 <= y2."""
    value = record.get(name)
    if not isinstance(value, list) or len(value) != 4:
        raise BadRecord(f"{name}: {_complaint(record, name, 'a list of four numbers')}")
    corners = [whole({name: item}, name) for item in value]
    if not all(0 <= corner <= SCALE for corner in corners):
        raise BadRecord(f"{name}: {corners} leaves 0..{SCALE}; are these pixels?")
    if corners[0] > corners[2] or corners[1] > corners[3]:
        raise BadRecord(f"{name}: the corners of {corners} are out of order")
    return Box.of(*corners)


def distortion_type(record: dict[str, Any], name: str = "distortion") -> DistortionType:
    """The distortion type named at `name`, aliases folded."""
    found = find_type(text(record, name))
    if found is None:
        raise BadRecord(f"{name}: {record[name]!r} is none of the ten types")
    return found


def severity(record: dict[str, Any], name: str = "severity") -> Severity:
    """The severity named at `name`, "Slight" folded."""
    found = find_severity(text(record, name))
    if found is None:
        raise BadRecord(f"{name}: {record[name]!r} is none of minor, moderate, severe")
    return found


def level(record: dict[str, Any], name: str = "level") -> Level:
    """The quality level named at `name`."""
    found = find_level(text(record, name))
    if found is None:
        raise BadRecord(f"{name}: {record[name]!r} is none of the five levels")
    return found


def _complaint(record: dict[str, Any], name: str, expected: str) -> str:
    if name not in record:
        return "missing"
    given = repr(record[name])
    return f"{expected} is expected, not {given if len(given) <= 60 else given[:57] + '...'}"
