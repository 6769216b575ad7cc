"""What is said of one picture: findings, the whole diagnosis, and the shorter answers."""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def canonical(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings grouped by type in the taxonomy's order, each once, as key if any of its mentions was."""
    merged: dict[tuple[DistortionType, Severity, Box], Finding] = {}
    for finding in findings:
        seen = merged.get(finding.identity)
        if seen is None or (finding.key and not seen.key):
            merged[finding.identity] = finding
    return tuple(sorted(merged.values(), key=lambda f: _ORDER[f.type]))


def _plain_line(text: str) -> str:
    """The text on one line, with nothing left that could be read as a token (`<|...|>`) of a chat model."""
    return " ".join(re.sub(r"<\|+", "<", text).split())


class Diagnosis(BaseModel):
    """Content, distortions and level of one picture.

    Findings are kept grouped by type in the order of the taxonomy (the grammar writes one line a type)
    and a repeated finding is kept once, as key if any of its mentions was. The content is one plain line.
    """

    model_config = ConfigDict(frozen=True)

    content: str
    findings: tuple[Finding, ...] = ()
    level: Level | None

    @field_validator("content")
    @classmethod
    def _content(cls, text: str) -> str:
        return _plain_line(text)

    @field_validator("findings")
    @classmethod
    def _findings(cls, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return canonical(findings)

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

    @field_validator("mentions")
    @classmethod
    def _once_each(cls, mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
        return tuple(dict.fromkeys(mentions))

    @field_validator("scene")
    @classmethod
    def _scene(cls, text: str) -> str:
        return _plain_line(text)
