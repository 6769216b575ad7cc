"""A decoded picture on its way to a model, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from finesight.schema.diagnosis import Diagnosis, Finding


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels as a person would see them.

    rgb: uint8, (height, width, 3), EXIF-turned, alpha over white, animation's first frame.
    sha256: of the file's bytes. path: as the user gave it.
    """

    path: str
    rgb: NDArray[np.uint8]
    sha256: str

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


@dataclass(frozen=True, eq=False)
class Clip(Picture):
    """Frames of one shot in order, for models that see time. rgb: of the first.

    frames: uint8, each (height, width, 3), all of one size. seconds: from one to the next.
    """

    frames: tuple[NDArray[np.uint8], ...] = ()
    seconds: float = 1.0


class Outcome(BaseModel):
    """What came of one picture: a diagnosis, or the error that stood in its way, never both.

    suspected: the findings of the types that the diagnosis does not name, as a dense head would have them, with the
    probability that the picture has the type as confidence; none of a model without one. score: expected quality
    level on 1..5 (continuous). raw: the model's answer as it was given.
    """

    model_config = ConfigDict(frozen=True)

    image: str
    width: int | None = None
    height: int | None = None
    diagnosis: Diagnosis | None = None
    suspected: tuple[Finding, ...] = ()
    score: float | None = None
    model: str = ""
    raw: str = ""
    error: str | None = None

    def record(self) -> dict[str, Any]:
        """The JSON object of `finesight diagnose --json`; `error` is present only where there is one."""
        said = self.diagnosis
        findings = said.findings if said else ()
        suspected = sorted(self.suspected, key=lambda f: -(f.confidence or 0.0))
        record: dict[str, Any] = {
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "description": said.content if said else None,
            "level": said.level.value if said and said.level else None,
            "score": None if self.score is None else round(self.score, 4),
            "distortions": [_row(f) for f in findings],
            "suspected": [_row(f) for f in suspected],
            "model": self.model,
            "raw": self.raw,
        }
        return record if self.error is None else record | {"error": self.error}


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "type": finding.type.value,
        "severity": finding.severity.value,
        "box": list(finding.box.xyxy),
        "key": finding.key,
        "confidence": None if finding.confidence is None else round(finding.confidence, 4),
    }
