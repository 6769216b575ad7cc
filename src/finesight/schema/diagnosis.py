"""What is said of one picture: findings, the whole diagnosis, and the shorter answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity

_ORDER = {t: i for i, t in enumerate(DistortionType)}


class Finding(BaseModel):
    """One distortion seen in one box."""

    model_config = ConfigDict(frozen=True)

    type: DistortionType
    severity: Severity
    box: Box
    key: bool = False
    confidence: float | None = Field(default=None, ge=0, le=1)

    @property
    def identity(self) -> tuple[DistortionType, Severity, Box]:
        """What makes two findings the same one: type, severity and box."""
        return self.type, self.severity, self.box


class Diagnosis(BaseModel):
    """Content, distortions and level of one picture.

    Findings are kept grouped by type in the order of the taxonomy (the grammar writes one line a type)
    and a repeated finding is kept once, as key if any of its mentions was.
    """

    model_config = ConfigDict(frozen=True)

    content: str
    findings: tuple[Finding, ...] = ()
    level: Level | None

    @field_validator("content")
    @classmethod
    def _one_line(cls, text: str) -> str:
        return " ".join(text.split())

    @field_validator("findings")
    @classmethod
    def _canonical(cls, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        merged: dict[tuple[DistortionType, Severity, Box], Finding] = {}
        for finding in findings:
            seen = merged.get(finding.identity)
            if seen is None or (finding.key and not seen.key):
                merged[finding.identity] = finding
        return tuple(sorted(merged.values(), key=lambda f: _ORDER[f.type]))

    @property
    def keys(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.key)


class Mention(BaseModel):
    """A distortion named without a place."""

    model_config = ConfigDict(frozen=True)

    type: DistortionType
    severity: Severity


class Brief(BaseModel):
    """The short assessment: level, distortions by name, scene."""

    model_config = ConfigDict(frozen=True)

    level: Level
    mentions: tuple[Mention, ...] = ()
    scene: str
