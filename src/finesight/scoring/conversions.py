"""How often the HDR conversion that suits is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from finesight.schema.hdr import Level
from finesight.scoring.bootstrap import Interval, bootstrap_intervals


class ConversionScore(BaseModel):
    """accuracy: share of right choices, an unreadable one is not right; by_level: of the sheets of each level."""

    model_config = ConfigDict(frozen=True)

    accuracy: float
    interval: Interval | None
    by_level: dict[Level, float]
    unreadable: int


def score_conversions(
    truth: Sequence[Level], said: Sequence[Level | None], sources: Sequence[str]
) -> ConversionScore:
    """
    Args:
        said: None where an answer could not be read. sources: photographs behind the sheets; intervals are over
            them, for sheets of one are not independent.

    Raises:
        ValueError: no sheet, or lists of different lengths.
    """
    right = np.array([a is b for a, b in zip(truth, said, strict=True)])
    if not right.size:
        raise ValueError("nothing to score")
    places = {name: number for number, name in enumerate(sorted(set(sources)))}
    photo = np.array([places[name] for name in sources])
    hits, sheets = np.bincount(photo, right), np.bincount(photo)

    def drawn(photos: NDArray[np.intp]) -> dict[str, float | None]:
        return {"accuracy": float(hits[photos].sum() / sheets[photos].sum())}

    levels = np.array([level.rank for level in truth])
    return ConversionScore(
        accuracy=float(right.mean()),
        interval=bootstrap_intervals(drawn, len(places))["accuracy"],
        by_level={level: float(right[levels == level.rank].mean()) for level in Level if level in truth},
        unreadable=sum(level is None for level in said),
    )
