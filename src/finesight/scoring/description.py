"""How good descriptions are: types, boxes, severities and levels found, over a set of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from finesight.schema.annotation import Annotation
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType
from finesight.scoring.bootstrap import Interval, bootstrap_intervals
from finesight.scoring.detection import Tally, box_f1, severity_accuracy, type_f1


class TypeScore(BaseModel):
    """One type. pictures, boxes: that it is in, and has in truth; 95 % intervals are over all pictures."""

    model_config = ConfigDict(frozen=True)

    pictures: int
    precision: float
    recall: float
    f1: float
    f1_interval: Interval | None
    boxes: int
    box_f1: float
    box_f1_interval: Interval | None


class DescriptionScore(BaseModel):
    """Figures in [0, 1], higher is better, with 95 % bootstrap intervals over the pictures.

    type_f1 and box_f1 (IoU at least .5) are micro-averaged over types; severity_accuracy is over the boxes
    that match, None where none does; level_accuracy is over all pictures. undescribed: pictures without a
    readable description; nothing was found in them and their level is wrong. by_type: of the types that occur in the
    truth or in what was said.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    undescribed: int
    type_f1: float
    box_f1: float
    severity_accuracy: float | None
    level_accuracy: float
    intervals: dict[str, Interval | None]
    by_type: dict[DistortionType, TypeScore] = {}


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
        by_type=_by_type(found, real, seed),
    )


def _by_type(
    found: Sequence[Sequence[Finding]], real: Sequence[Sequence[Finding]], seed: int
) -> dict[DistortionType, TypeScore]:
    """Each type's own figures. Its counts of every picture are made once and drawn from."""
    types, boxes = type_f1(found, real).per_type, box_f1(found, real).per_type
    counts: dict[tuple[str, DistortionType], NDArray[np.int_]] = {}
    for what, score in (("type", type_f1), ("box", box_f1)):
        each = [score([ours], [theirs]).per_type for ours, theirs in zip(found, real, strict=True)]
        counts |= {(what, kind): np.array([_counts(tallies.get(kind)) for tallies in each]) for kind in types}

    def figures(chosen: NDArray[np.intp]) -> dict[str, float | None]:
        return {f"{what} {kind}": _f1_of(count[chosen].sum(0)) for (what, kind), count in counts.items()}

    intervals = bootstrap_intervals(figures, len(found), resamples=200, seed=seed)
    return {
        kind: TypeScore(
            pictures=tally.actual,
            precision=tally.precision,
            recall=tally.recall,
            f1=tally.f1,
            f1_interval=intervals[f"type {kind}"],
            boxes=boxes[kind].actual,
            box_f1=boxes[kind].f1,
            box_f1_interval=intervals[f"box {kind}"],
        )
        for kind, tally in types.items()
    }


def _counts(tally: Tally | None) -> tuple[int, int, int]:
    return (tally.hits, tally.predicted, tally.actual) if tally else (0, 0, 0)


def _f1_of(counts: NDArray[np.int_]) -> float | None:
    hits, said, there = counts
    return float(2 * hits / (said + there)) if said + there else None
