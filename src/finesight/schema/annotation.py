"""An annotated picture, as `train_metadata.json` and `bench_metadata.json` of ViDA-UGC have it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity


class Distortion(BaseModel):
    """One annotated distortion. `significance` is relative within its picture; the highest is KEY."""

    model_config = ConfigDict(frozen=True)

    type: DistortionType
    severity: Severity
    box: Box
    significance: float = 0.0
    position: str = ""
    manifestation: str = ""
    impact: str = ""


class Annotation(BaseModel):
    """A picture with its mean opinion score (1..5), level and distortions; sizes in pixels."""

    model_config = ConfigDict(frozen=True)

    image: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    mos: float = Field(ge=1, le=5)
    level: Level
    distortions: tuple[Distortion, ...] = ()
    content: str = ""
    source: str = ""
    """The photograph this picture was made from; splits keep a source on one side."""
    series: str = ""
    """Pictures of one series show the same, each with more of one distortion than the one before it."""

    @property
    def keys(self) -> tuple[Distortion, ...]:
        """The distortions of the highest significance."""
        top = max((d.significance for d in self.distortions), default=0.0)
        return tuple(d for d in self.distortions if d.significance == top)

    def diagnosis(self) -> Diagnosis:
        """What a perfect answer says of this picture, each type's boxes in reading order.

        Annotations come in any order; a model that has to learn them needs one right way to list them.
        """
        keys = {id(d) for d in self.keys}
        findings = tuple(
            Finding(type=d.type, severity=d.severity, box=d.box, key=id(d) in keys)
            for d in sorted(self.distortions, key=lambda d: (d.box.y1, d.box.x1))
        )
        return Diagnosis(content=self.content, findings=findings, level=self.level)
