"""Tables of mean opinion scores: any delimiter, any of the usual column names, any of the usual encodings."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finesight.data.readers.reading import BadRecord, Reading, Skipped
from finesight.errors import InputError

IMAGE_NAMES = ("image", "imagename", "img", "imgname", "filename", "file", "name", "path", "imagepath")
MOS_NAMES = (
    "mos",
    "predmos",
    "meanopinionscore",
    "score",
    "predscore",
    "quality",
    "rating",
    "prediction",
    "mean",
)
STD_NAMES = ("std", "sd", "mosstd", "stddev", "standarddeviation", "sigma")
"""Column names without case, spaces, `_`, `-` and `.`; of several that fit, the earlier in this list wins.
DMOS is not among them: its direction differs from data set to data set."""

_DELIMITERS = ",;\t|"


class Rating(BaseModel):
    """A picture's mean opinion score on its table's own scale, with the standard deviation where known."""

    model_config = ConfigDict(frozen=True)

    image: str
    mos: float
    std: float | None = None


def read_mos(path: Path) -> Reading[Rating]:
    """The ratings of a table with a header row, in file order; a picture's second row is skipped.

    Raises:
        InputError: while iterating, where the file cannot be read or its header names no image or no score.
    """
    return Reading(_ratings(path))


def _ratings(path: Path) -> Iterator[Rating | Skipped]:
    lines = [line for line in _text(path).splitlines() if line.strip()]
    if not lines:
        raise InputError(
            f"{path}: empty; a header row such as 'image,mos' and one row a picture are expected"
        )
    delimiter = max(_DELIMITERS, key=lines[0].count)
    header, *rows = csv.reader(lines, delimiter=delimiter)
    image, mos = _column(path, header, IMAGE_NAMES), _column(path, header, MOS_NAMES)
    std = _find(header, STD_NAMES)
    seen: set[str] = set()
    for index, row in enumerate(rows):
        try:
            rating = _rating(row, image, mos, std, delimiter)
            if rating.image in seen:
                raise BadRecord(f"{rating.image} was rated before; the first row counts")
        except BadRecord as error:
            yield Skipped(file=str(path), index=index, reason=str(error))
        else:
            seen.add(rating.image)
            yield rating


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; check the path and its rights"
        ) from error
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path}: not a text in UTF-8, UTF-16 or Windows-1252; save the table as UTF-8 csv")


def _column(path: Path, header: Sequence[str], names: Sequence[str]) -> int:
    found = _find(header, names)
    if found is None:
        raise InputError(f"{path}: no column of {header} is one of {', '.join(names)}; rename one of them")
    return found


def _find(header: Sequence[str], names: Sequence[str]) -> int | None:
    plain = ["".join(c for c in cell.lower() if c not in " _-.") for cell in header]
    return next((plain.index(name) for name in names if name in plain), None)


def _rating(row: Sequence[str], image: int, mos: int, std: int | None, delimiter: str) -> Rating:
    if len(row) <= max(image, mos):
        raise BadRecord(f"{len(row)} columns, the header has more")
    if not row[image].strip():
        raise BadRecord("no image name")
    spread = row[std].strip() if std is not None and std < len(row) else ""
    return Rating(
        image=row[image].strip(),
        mos=_number(row[mos], delimiter),
        std=_number(spread, delimiter) if spread else None,
    )


def _number(cell: str, delimiter: str) -> float:
    # Spreadsheets of half of Europe write 3,5 and then separate columns by something else.
    plain = cell.strip() if delimiter == "," else cell.strip().replace(",", ".")
    try:
        value = float(plain)
    except ValueError:
        raise BadRecord(f"{cell!r} is not a number") from None
    if not math.isfinite(value):
        raise BadRecord(f"{cell!r} is not a finite number")
    return value
