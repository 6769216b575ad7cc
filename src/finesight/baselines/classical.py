"""A diagnosis without training: one classical detector a type, on a grid of cells.

The thresholds were set by hand on 320 pictures synthesised from other photographs than the demo's (448 px,
all types equally often), between the medians that the three severities have there. Nothing is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finesight.baselines import measures
from finesight.baselines.answers import answer
from finesight.baselines.grid import Grid, patches
from finesight.baselines.measures import Planes
from finesight.schema.bench import BenchQuestion
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess


@dataclass(frozen=True)
class Detector:
    """A measure (more is worse) and the values from which on it means each severity."""

    measure: Callable[[Planes], Grid]
    minor: float
    moderate: float
    severe: float

    def severity(self, value: float) -> Severity:
        """The severity of a patch that is over the threshold for minor."""
        if value >= self.severe:
            return Severity.SEVERE
        return Severity.MODERATE if value >= self.moderate else Severity.MINOR


DETECTORS: dict[DistortionType, Detector] = {
    DistortionType.LOW_CLARITY: Detector(measures.low_clarity, 1.3, 1.5, 1.8),
    DistortionType.MOTION_BLUR: Detector(measures.motion_blur, 1.48, 1.75, 2.0),
    DistortionType.OUT_OF_FOCUS_BLUR: Detector(measures.out_of_focus, 1.5, 1.7, 2.0),
    DistortionType.BLOCKING_ARTIFACTS: Detector(measures.blocking, 2.8, 4.5, 5.2),
    DistortionType.EDGE_ALIASING_EFFECT: Detector(measures.aliasing, 0.22, 0.3, 0.36),
    DistortionType.EDGE_RINGING_EFFECT: Detector(measures.ringing, 5.2, 6.0, 6.4),
    DistortionType.OVEREXPOSURE: Detector(measures.overexposure, 0.18, 0.29, 0.36),
    DistortionType.UNDEREXPOSURE: Detector(measures.underexposure, 0.71, 0.73, 0.76),
    # One colour is one colour: the measure says nothing of how much it disturbs.
    DistortionType.MEANINGLESS_SOLID_COLOR: Detector(measures.solid_color, -0.008, -0.008, math.inf),
    DistortionType.NOISE: Detector(measures.noise, 6.8, 9.0, 17.0),
}

_CLEAN_SCORE = 4.2


@dataclass(frozen=True)
class ClassicalDiagnoser:
    """Diagnoses pictures by `DETECTORS`; their content it does not describe."""

    name: str = "classical"

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """An outcome for each picture, in order."""
        return [self._outcome(picture) for picture in pictures]

    def answer(self, question: BenchQuestion, diagnosis: Diagnosis, suspected: Sequence[Finding] = ()) -> str:
        """What the diagnosis says to the question."""
        return answer(question, diagnosis, suspected)

    def _outcome(self, picture: Picture) -> Outcome:
        findings = detect(Planes(picture.rgb))
        score = quality(findings)
        diagnosis = Diagnosis(content="", findings=findings, level=Level.of_mos(score))
        return Outcome(
            image=picture.path,
            width=picture.width,
            height=picture.height,
            diagnosis=diagnosis,
            score=score,
            model=self.name,
            raw=render_assess(diagnosis),
        )


def detect(planes: Planes) -> tuple[Finding, ...]:
    """The largest patch of each type, as the others are mostly crumbs of it; the most harmful is key."""
    found = []
    for type_, detector in DETECTORS.items():
        over = patches(detector.measure(planes), detector.minor)
        largest = max(over, key=lambda patch: patch.box.area, default=None)
        if largest:
            severity = detector.severity(largest.value)
            found.append(Finding(type=type_, severity=severity, box=largest.box))
    worst = max(found, key=harm, default=None)
    return tuple(f.model_copy(update={"key": f is worst}) for f in found)


def harm(finding: Finding) -> float:
    """How much a finding takes off the score: a fixed part and one that grows with its size."""
    return finding.severity.rank * (0.12 + 0.32 * math.sqrt(finding.box.area))


def quality(findings: Sequence[Finding]) -> float:
    """Quality on 1..5: what is left of a clean picture's after the worst three findings."""
    worst = sorted((harm(f) for f in findings), reverse=True)[:3]
    return max(1.0, _CLEAN_SCORE - sum(worst))
