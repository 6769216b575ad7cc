"""How good descriptions are: types, boxes, severities and levels found, over a set of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from finesight.schema.annotation import Annotation
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.scoring.bootstrap import Interval, bootstrap_intervals
from finesight.scoring.detection import box_f1, severity_accuracy, type_f1


class DescriptionScore(BaseModel):
    """Figures in [0, 1], higher is better, with 95 % bootstrap intervals over the pictures.

    type_f1 and box_f1 (IoU at least .5) are micro-averaged over types; severity_accuracy is over the boxes
    that match, None where none does; level_accuracy is over all pictures. undescribed: pictures without a
    readable description; nothing was found in them and their level is wrong.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    undescribed: int
    type_f1: float
    box_f1: float
    severity_accuracy: float | None
    level_accuracy: float
    intervals: dict[str, Interval | None]


def score_descriptions(
    said: Sequence[Diagnosis | None], truth: Sequence[Annotation], *, seed: int = 0
) -> DescriptionScore:
    """Score what was said of each picture (None: nothing readable) against its annotation, in order."""
    found = [d.findings if d else () for d in said]
    real = [a.diagnosis().findings for a in truth]
    right = np.array([d is not None and d.level is a.level for d, a in zip(said, truth, strict=True)])

    def figures(chosen: NDArray[np.intp]) -> dict[str, float | None]:
        ours: list[tuple[Finding, ...]] = [found[i] for i in chosen]
        theirs: list[tuple[Finding, ...]] = [real[i] for i in chosen]
        return {
            "type_f1": type_f1(ours, theirs).f1,
            "box_f1": box_f1(ours, theirs).f1,
            "severity_accuracy": severity_accuracy(ours, theirs).value,
            "level_accuracy": float(right[chosen].mean()) if len(chosen) else 0.0,
        }

    return DescriptionScore(
        pictures=len(said),
        undescribed=sum(d is None for d in said),
        **figures(np.arange(len(said))),
        intervals=bootstrap_intervals(figures, len(said), resamples=200, seed=seed),
    )
