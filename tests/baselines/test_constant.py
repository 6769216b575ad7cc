from __future__ import annotations

import numpy as np
import pytest

from finesight.baselines.constant import ConstantDiagnoser
from finesight.errors import InputError
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.bench import BenchQuestion
from finesight.schema.box import Box
from finesight.schema.picture import Picture
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level
from finesight.schema.taxonomy import Severity as S
from finesight.text.parse import parse_assess


def picture(level: Level, mos: float, *found: tuple[T, S]) -> Annotation:
    distortions = tuple(Distortion(type=t, severity=s, box=Box.of(0, 0, 9, 9)) for t, s in found)
    return Annotation(image="1", width=8, height=8, mos=mos, level=level, distortions=distortions)


TRAINING = [
    picture(Level.POOR, 2, (T.NOISE, S.MINOR), (T.LOW_CLARITY, S.SEVERE)),
    picture(Level.POOR, 2, (T.NOISE, S.MODERATE), (T.NOISE, S.MODERATE), (T.MOTION_BLUR, S.SEVERE)),
    picture(Level.GOOD, 4, (T.MOTION_BLUR, S.SEVERE)),
]


def test_it_says_the_commonest_of_the_training_pictures() -> None:
    constant = ConstantDiagnoser.of(TRAINING)
    (outcome,) = constant.diagnose([Picture("p.jpg", np.zeros((4, 6, 3), np.uint8), "")])
    assert outcome.diagnosis
    (finding,) = outcome.diagnosis.findings
    assert (finding.type, finding.severity, finding.key) == (T.NOISE, S.MODERATE, True)
    assert finding.box == Box.of(0, 0, 1000, 1000)
    assert outcome.diagnosis.level is Level.POOR
    assert outcome.score == pytest.approx(8 / 3)
    assert (outcome.image, outcome.width, outcome.height) == ("p.jpg", 6, 4)
    assert parse_assess(outcome.raw) == outcome.diagnosis


def test_its_letter_is_the_one_right_most_often() -> None:
    samples = [
        Sample(id=str(i), image="1", subclass=Subclass.MCQ, question="?", answer=f"{letter}.")
        for i, letter in enumerate("ACBCD")
    ]
    samples.append(Sample(id="q", image="1", subclass=Subclass.QA, question="?", answer="Blue."))
    constant = ConstantDiagnoser.of(TRAINING, samples)
    question = BenchQuestion(
        id=1,
        image="1",
        width=8,
        height=8,
        subclass=Subclass.MCQ,
        prompt="?",
        question="What type of distortion is present in this image?",
        candidates=("Noise", "Motion blur", "Overexposure", "Low clarity"),
    )
    assert constant.answer(question, constant.diagnosis) == "C."
    detect = question.model_copy(update={"subclass": Subclass.DIST_DETECT})
    assert "moderate noise" in constant.answer(detect, constant.diagnosis).lower()


def test_pictures_without_distortions_give_no_constant() -> None:
    with pytest.raises(InputError, match="distortions"):
        ConstantDiagnoser.of([picture(Level.GOOD, 4)])
