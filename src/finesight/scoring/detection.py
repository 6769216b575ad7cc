"""How well distortions were found in a set of pictures: F1 of types and boxes, severity, average precision.

Every function takes one sequence of findings per picture, predicted and true in the same order of pictures.
All are in [0, 1], higher is better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from finesight.schema.taxonomy import DistortionType, Severity
from finesight.scoring.matching import IOU, Located, match_typed


class Graded(Located, Protocol):
    """A located distortion with a severity."""

    @property
    def severity(self) -> Severity: ...


class Tally(BaseModel):
    """Counts behind precision and recall; a ratio of nothing is 0, so that silence earns nothing."""

    model_config = ConfigDict(frozen=True)

    hits: int = 0
    predicted: int = 0
    actual: int = 0

    @property
    def precision(self) -> float:
        return self.hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.hits / self.actual if self.actual else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.hits / (self.predicted + self.actual) if self.predicted + self.actual else 0.0


class F1(Tally):
    """Micro-averaged over all pictures and types, with the tally of every type that occurs."""

    per_type: dict[DistortionType, Tally] = {}


class Share(BaseModel):
    """How many of how many; `value` is None where there were none."""

    model_config = ConfigDict(frozen=True)

    correct: int
    total: int

    @property
    def value(self) -> float | None:
        return self.correct / self.total if self.total else None


def type_f1(predicted: Sequence[Sequence[Located]], truth: Sequence[Sequence[Located]]) -> F1:
    """F1 of naming the types a picture has, wherever they are; a type counts once a picture."""
    hits: Counter[DistortionType] = Counter()
    said: Counter[DistortionType] = Counter()
    there: Counter[DistortionType] = Counter()
    for ours, theirs in zip(predicted, truth, strict=True):
        named, real = {p.type for p in ours}, {t.type for t in theirs}
        hits.update(named & real)
        said.update(named)
        there.update(real)
    return _f1(hits, said, there)


def box_f1(
    predicted: Sequence[Sequence[Located]], truth: Sequence[Sequence[Located]], iou: float = IOU
) -> F1:
    """F1 of finding boxes: a hit is a pair of the same type with at least `iou` overlap, one to one."""
    hits: Counter[DistortionType] = Counter()
    said: Counter[DistortionType] = Counter()
    there: Counter[DistortionType] = Counter()
    for ours, theirs in zip(predicted, truth, strict=True):
        hits.update(ours[i].type for i, _ in match_typed(ours, theirs, iou))
        said.update(p.type for p in ours)
        there.update(t.type for t in theirs)
    return _f1(hits, said, there)


def severity_accuracy(
    predicted: Sequence[Sequence[Graded]], truth: Sequence[Sequence[Graded]], iou: float = IOU
) -> Share:
    """Share of the matched boxes (see `box_f1`) whose severity is right too."""
    verdicts = [
        ours[i].severity == theirs[j].severity
        for ours, theirs in zip(predicted, truth, strict=True)
        for i, j in match_typed(ours, theirs, iou)
    ]
    return Share(correct=sum(verdicts), total=len(verdicts))


def average_precision(hits: Sequence[bool], actual: int) -> float:
    """Area under the precision-recall curve, all-point interpolation.

    Args:
        hits: whether each prediction is a true positive, best rank first.
        actual: number of true boxes; without any the result is 0.

    References:
        Everingham et al., "The Pascal Visual Object Classes Challenge: a Retrospective", IJCV 2015; the
        all-point form of VOC 2010 and later.
    """
    if not actual or not hits:
        return 0.0
    found = np.cumsum(hits)
    recall = np.concatenate(([0.0], found / actual))
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope))


def _f1(hits: Counter[DistortionType], said: Counter[DistortionType], there: Counter[DistortionType]) -> F1:
    per_type = {
        kind: Tally(hits=hits[kind], predicted=said[kind], actual=there[kind])
        for kind in DistortionType
        if said[kind] or there[kind]
    }
    return F1(hits=hits.total(), predicted=said.total(), actual=there.total(), per_type=per_type)
