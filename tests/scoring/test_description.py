"""Described pictures scored: as a whole and by type, with the counts that can be done by hand."""

from __future__ import annotations

import pytest

from finesight.schema.annotation import Annotation
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity
from finesight.scoring.description import score_descriptions

LEFT, RIGHT = Box.of(0, 0, 500, 1000), Box.of(500, 0, 1000, 1000)


def finding(kind: T, box: Box = LEFT, severity: Severity = Severity.MINOR) -> Finding:
    return Finding(type=kind, severity=severity, box=box, key=False)


def said(*findings: Finding, level: Level = Level.FAIR) -> Diagnosis:
    return Diagnosis(content="A picture.", findings=findings, level=level)


class Truth(Annotation):
    """An annotation by its findings."""

    told: Diagnosis

    def diagnosis(self) -> Diagnosis:
        return self.told


def truth(*findings: Finding, level: Level = Level.FAIR) -> Truth:
    return Truth.model_construct(told=said(*findings, level=level), level=level)


def test_types_and_boxes_are_counted_by_type() -> None:
    score = score_descriptions(
        [said(finding(T.NOISE), finding(T.LOW_CLARITY)), said(finding(T.NOISE, RIGHT)), said()],
        [truth(finding(T.NOISE)), truth(finding(T.NOISE, LEFT)), truth(finding(T.NOISE), level=Level.BAD)],
    )
    noise, blur = score.by_type[T.NOISE], score.by_type[T.LOW_CLARITY]
    assert (noise.pictures, noise.precision, noise.recall) == (3, 1, pytest.approx(2 / 3))
    assert noise.f1 == pytest.approx(4 / 5)
    assert (noise.boxes, noise.box_f1) == (3, pytest.approx(2 / 5))
    assert (blur.pictures, blur.precision, blur.f1, blur.box_f1) == (0, 0, 0, 0)
    assert score.type_f1 == pytest.approx(2 * 2 / (3 + 3))
    assert score.level_accuracy == pytest.approx(2 / 3)
    assert noise.f1_interval is not None
    assert noise.f1_interval[0] <= noise.f1 <= noise.f1_interval[1]


def test_what_is_right_in_every_picture_has_no_doubt() -> None:
    score = score_descriptions([said(finding(T.NOISE))] * 5, [truth(finding(T.NOISE))] * 5)
    assert score.by_type[T.NOISE].f1_interval == score.by_type[T.NOISE].box_f1_interval == (1, 1)


def test_an_unreadable_description_found_nothing() -> None:
    score = score_descriptions(
        [None, said(finding(T.NOISE))], [truth(finding(T.NOISE)), truth(finding(T.NOISE))]
    )
    assert (score.undescribed, score.by_type[T.NOISE].recall, score.level_accuracy) == (1, 0.5, 0.5)
