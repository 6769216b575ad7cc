"""What the dense head says of a picture at a glance: its level, and every type, whether it would be named or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.schema.box import SCALE, Box
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, Severity

Array = NDArray[np.float32]


class Glance(NamedTuple):
    """levels: probabilities of the five quality levels, worst to best. types: of each type the finding it would be,
    by the cell that is surest of it, with the probability that the picture has the type as its confidence.
    """

    levels: tuple[float, ...]
    types: tuple[Finding, ...]


def glance(presence: Array, severity: Array, box: Array, level: Array, types: Array) -> Glance:
    """The glance at one picture of N cells.

    Args:
        presence: (N, T), severity: (N, T, 3), level: (5,), types: (T,), all logits. box: (N, T, 4) xyxy in shares.
    """
    surest = presence.argmax(0)
    sure = 1 / (1 + np.exp(-types.astype(np.float64)))
    found = [
        Finding(
            type=kind,
            severity=list(Severity)[int(severity[cell, number].argmax())],
            box=Box.of(*np.round(box[cell, number] * SCALE).astype(int).tolist()),
            confidence=float(sure[number]),
        )
        for number, (kind, cell) in enumerate(zip(DistortionType, surest, strict=True))
    ]
    shares = np.exp(level.astype(np.float64) - level.max())
    return Glance(tuple((shares / shares.sum()).tolist()), tuple(found))
