"""Samples in another order than they come, without having them all in memory."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from finesight.data.merge.merging import Placed
from finesight.schema.sample import Sample


def reordered(keyed: Iterable[tuple[int, Sample]], folder: Path) -> Iterator[Placed]:
    """Samples by rising key, those of one key as they came; each with its place among those that came.

    They wait in a nameless file in `folder`, which is gone with the process; in memory each takes 24 bytes.
    """
    keys, ends = array("q"), array("q", [0])
    with tempfile.TemporaryFile(dir=folder) as waiting:
        for key, sample in keyed:
            keys.append(key)
            ends.append(ends[-1] + waiting.write(sample.model_dump_json(exclude_defaults=True).encode()))
        for index in map(int, np.argsort(np.array(keys), kind="stable")):
            waiting.seek(ends[index])
            yield Placed(index, Sample.model_validate_json(waiting.read(ends[index + 1] - ends[index])))


def by_image(samples: Iterable[Sample], folder: Path) -> Iterator[Placed]:
    """Samples of a picture one behind another, pictures in order of first appearance."""
    numbers: dict[str, int] = {}
    return reordered(((numbers.setdefault(s.image, len(numbers)), s) for s in samples), folder)
