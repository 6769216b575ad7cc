"""A decoded picture on its way to a model, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from finesight.schema.diagnosis import Diagnosis


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

    score: expected quality level on 1..5 (continuous). raw: the model's answer as it was given.
    """

    model_config = ConfigDict(frozen=True)

    image: str
    width: int | None = None
    height: int | None = None
    diagnosis: Diagnosis | None = None
    score: float | None = None
    model: str = ""
    raw: str = ""
    error: str | None = None

    def record(self) -> dict[str, Any]:
        """The JSON object of `finesight diagnose --json`; `error` is present only where there is one."""
        said = self.diagnosis
        findings = said.findings if said else ()
        record: dict[str, Any] = {
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "description": said.content if said else None,
            "level": said.level.value if said and said.level else None,
            "score": None if self.score is None else round(self.score, 4),
            "distortions": [
                {
                    "type": f.type.value,
                    "severity": f.severity.value,
                    "box": list(f.box.xyxy),
                    "key": f.key,
                    "confidence": None if f.confidence is None else round(f.confidence, 4),
                }
                for f in findings
            ],
            "model": self.model,
            "raw": self.raw,
        }
        return record if self.error is None else record | {"error": self.error}
