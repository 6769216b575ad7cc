"""Files and boxes as the organisers' script sees them: JSON values of any kind, touched as it touches them.

Whatever a value does to Python there it must do here, so nothing is validated or converted. What the script
swallows in a blanket `except`, `Malformed` carries to whoever gives the 0.0, with the place where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finesight.scoring.detection import average_precision
from finesight.scoring.matching import IOU


class Malformed(Exception):
    """Where and why the script would have raised."""


@dataclass(frozen=True)
class RawFile:
    """A parsed file under the name reasons are to call it by."""

    name: str
    value: Any

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every item with the words for its place."""
        with at(self.name):
            items = list(self.value)
        for index, item in enumerate(items):
            yield f"{self.name}: item {index}", item


@dataclass
class Ledger:
    """What an indicator passes over without a word: `skipped` records, each with a reason."""

    reasons: list[str] = field(default_factory=list)

    def skip(self, where: str, why: str) -> None:
        self.reasons.append(f"{where}: skipped: {why}")


@dataclass(frozen=True)
class RawBox:
    """A box as it stands in a file: any image, any name, any four things for corners."""

    image: Any
    name: Any
    corners: Any
    where: str


@contextmanager
def at(where: str) -> Iterator[None]:
    """Anything raised inside becomes `Malformed` at `where`.

    The script catches every exception and scores 0.0; to give the same 0.0 every exception has to be caught.
    """
    try:
        yield
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(f"{where}: {type(error).__name__}: {error}") from error


def load(path: Path) -> RawFile:
    """The file's JSON value. A byte order mark is an error here as it is there."""
    with at(path.name):
        return RawFile(path.name, json.loads(path.read_text(encoding="utf-8")))


def overlap(a: Any, b: Any) -> Any:
    """Intersection over union of two xyxy boxes without +1; inverted boxes give what the formula gives."""
    x1, y1 = max(a[0], b[0]), max(a[1], b[1])
    x2, y2 = min(a[2], b[2]), min(a[3], b[3])
    if x2 < x1 or y2 < y1:
        return 0.0
    shared = (x2 - x1) * (y2 - y1)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return 0.0 if union == 0 else shared / union


def mean_average_precision(predicted: list[RawBox], truth: list[RawBox]) -> float:
    """Mean over the names of both sides of the average precision at IoU .5; 0 where one side is empty.

    Raises:
        Malformed: names that cannot be sorted or printed, corners that cannot be computed with.
    """
    if not predicted or not truth:
        return 0.0
    said, real = _grouped(predicted), _grouped(truth)
    odd = next((box.where for box in [*predicted, *truth] if not isinstance(box.name, str)), "names")
    with at(odd):
        names = sorted(said.keys() | real.keys())
    for name in names:
        # The script prints each name, and a lone surrogate does not print.
        with at(f"the name {name!a}"):
            str(name).encode()
    precisions = [_class_precision(said.get(name, {}), real.get(name, {})) for name in names]
    return sum(precisions) / len(precisions)


def _grouped(boxes: list[RawBox]) -> dict[Any, dict[Any, list[RawBox]]]:
    """Boxes by name and picture, both in order of their first box."""
    pictures = dict.fromkeys(box.image for box in boxes)
    groups: dict[Any, dict[Any, list[RawBox]]] = {}
    for box in boxes:
        groups.setdefault(box.name, {image: [] for image in pictures})[box.image].append(box)
    return groups


def _class_precision(predicted: dict[Any, list[RawBox]], truth: dict[Any, list[RawBox]]) -> float:
    """Average precision of one name.

    All confidences are 1.0 and the script's sort is stable: file order is the rank, except that all boxes of
    a picture stand where the picture's first box of any name stood.
    """
    hits = []
    for image, boxes in predicted.items():
        taken: set[int] = set()
        for box in boxes:
            best = _best(box, truth.get(image, []))
            # A truth box that is taken makes this a false positive, even where a second one would fit.
            hits.append(best is not None and best not in taken)
            if best is not None:
                taken.add(best)
    return average_precision(hits, sum(map(len, truth.values())))


def _best(box: RawBox, truth: list[RawBox]) -> int | None:
    """Index of the first true box with the largest overlap, if that is .5 or more."""
    best: int | None = None
    largest: Any = 0
    for index, other in enumerate(truth):
        with at(f"{box.where} against {other.where}"):
            shared = overlap(box.corners, other.corners)
            if shared > largest:
                best, largest = index, shared
    return best if best is not None and largest >= IOU else None
