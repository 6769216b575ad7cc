"""How a video is analysed, and how what is made of it is encoded."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AnalysisSettings(BaseModel):
    """Settings of `finesight video analyse`; docs/video.md says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: Literal["adaptive", "content"] = "adaptive"
    threshold: float | None = Field(default=None, gt=0)
    min_shot: float = Field(default=0.6, ge=0)
    margin: int = Field(default=2, ge=0, le=50)
    short_frames: int = Field(default=3, ge=1, le=16)
    medium_frames: int = Field(default=5, ge=1, le=16)
    long_frames: int = Field(default=9, ge=1, le=16)
    extremes: bool = True
    spare_frames: int = Field(default=4, ge=0, le=16)
    budget: int = Field(default=256, ge=1)
    again: float = Field(default=0.25, ge=0, le=0.9)
    worst: float = Field(default=0.2, gt=0, le=1)
    present: float = Field(default=0.4, gt=0, le=1)
    percentile: float = Field(default=0.75, gt=0, le=1)
    batch: int = Field(default=4, ge=1)
    native: bool = False


class ProcessSettings(BaseModel):
    """Settings of `finesight video process`; docs/video.md says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: Literal["auto", "libx264", "libx265"] = "auto"
    crf: float = Field(default=16, ge=0, le=40)
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"] = (
        "medium"
    )
    threads: int = Field(default=2, ge=1, le=64)
    shortest: float = Field(default=5, ge=0)
    longest: float = Field(default=60, gt=0)


class ChainSettings(BaseModel):
    """Settings of `finesight video run`: those of its two parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    analysis: AnalysisSettings = AnalysisSettings()
    process: ProcessSettings = ProcessSettings()
