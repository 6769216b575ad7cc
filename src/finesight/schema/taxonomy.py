"""The closed vocabularies of the task: ten distortion types, three severities, five levels.

Names are the exact strings of the MIPI 2025 "Detailed Image Quality Assessment" data (ViDA-UGC).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum


class DistortionType(StrEnum):
    LOW_CLARITY = "Low clarity"
    MOTION_BLUR = "Motion blur"
    OUT_OF_FOCUS_BLUR = "Out of focus blur"
    BLOCKING_ARTIFACTS = "Blocking artifacts"
    EDGE_ALIASING_EFFECT = "Edge aliasing effect"
    EDGE_RINGING_EFFECT = "Edge ringing effect"
    OVEREXPOSURE = "Overexposure"
    UNDEREXPOSURE = "Underexposure"
    MEANINGLESS_SOLID_COLOR = "Meaningless solid color"
    NOISE = "Noise"

    @property
    def zh(self) -> str:
        return _TYPE_ZH[self]

    @property
    def group(self) -> str:
        return _GROUPS[self]


class Severity(StrEnum):
    MINOR = "minor"
    MODERATE = "moderate"
    SEVERE = "severe"

    @property
    def zh(self) -> str:
        return {"minor": "轻微", "moderate": "中等", "severe": "严重"}[self]

    @property
    def rank(self) -> int:
        """1 for minor, 2 for moderate, 3 for severe."""
        return list(Severity).index(self) + 1


class Level(StrEnum):
    """Quality levels from worst to best; `rank` 1..5 is the scale of the mean opinion score."""

    BAD = "bad"
    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"
    EXCELLENT = "excellent"

    @property
    def zh(self) -> str:
        return {"bad": "很差", "poor": "较差", "fair": "一般", "good": "良好", "excellent": "优秀"}[self]

    @property
    def rank(self) -> int:
        return list(Level).index(self) + 1

    @classmethod
    def of_mos(cls, mos: float) -> Level:
        """The level of a mean opinion score on 1..5 (lower bounds 4.2, 3.4, 2.6, 1.8)."""
        bounds = ((4.2, cls.EXCELLENT), (3.4, cls.GOOD), (2.6, cls.FAIR), (1.8, cls.POOR))
        return next((level for bound, level in bounds if mos >= bound), cls.BAD)

    @staticmethod
    def expected(probabilities: Sequence[float]) -> float:
        """The continuous score on 1..5: the mean rank, by probabilities of the levels from worst to best."""
        return sum(rank * p for rank, p in enumerate(probabilities, 1))


_TYPE_ZH = {
    DistortionType.LOW_CLARITY: "清晰度低",
    DistortionType.MOTION_BLUR: "运动模糊",
    DistortionType.OUT_OF_FOCUS_BLUR: "对焦模糊",
    DistortionType.BLOCKING_ARTIFACTS: "压缩块效应",
    DistortionType.EDGE_ALIASING_EFFECT: "边缘锯齿",
    DistortionType.EDGE_RINGING_EFFECT: "振铃效应",
    DistortionType.OVEREXPOSURE: "过曝",
    DistortionType.UNDEREXPOSURE: "欠曝光",
    DistortionType.MEANINGLESS_SOLID_COLOR: "纯色无意义",
    DistortionType.NOISE: "噪点",
}

_GROUPS = {
    DistortionType.LOW_CLARITY: "clarity",
    DistortionType.MOTION_BLUR: "clarity",
    DistortionType.OUT_OF_FOCUS_BLUR: "clarity",
    DistortionType.BLOCKING_ARTIFACTS: "compression",
    DistortionType.EDGE_ALIASING_EFFECT: "compression",
    DistortionType.EDGE_RINGING_EFFECT: "compression",
    DistortionType.OVEREXPOSURE: "exposure",
    DistortionType.UNDEREXPOSURE: "exposure",
    DistortionType.MEANINGLESS_SOLID_COLOR: "content",
    DistortionType.NOISE: "noise",
}

# Other spellings seen in the data and in the answers of models, folded before look-up.
_TYPE_ALIASES = {
    "blocking artifact": DistortionType.BLOCKING_ARTIFACTS,
    "blocking artefacts": DistortionType.BLOCKING_ARTIFACTS,
    "blocking artefact": DistortionType.BLOCKING_ARTIFACTS,
    "edge aliasing": DistortionType.EDGE_ALIASING_EFFECT,
    "edge aliasing effects": DistortionType.EDGE_ALIASING_EFFECT,
    "edge ringing": DistortionType.EDGE_RINGING_EFFECT,
    "edge ringing effects": DistortionType.EDGE_RINGING_EFFECT,
    "out-of-focus blur": DistortionType.OUT_OF_FOCUS_BLUR,
    "out of focus": DistortionType.OUT_OF_FOCUS_BLUR,
    "meaningless solid colour": DistortionType.MEANINGLESS_SOLID_COLOR,
}
_TYPE_BY_NAME = (
    {t.value.lower(): t for t in DistortionType} | _TYPE_ALIASES | {zh: t for t, zh in _TYPE_ZH.items()}
)
_SEVERITY_BY_NAME = {s.value: s for s in Severity} | {"slight": Severity.MINOR} | {s.zh: s for s in Severity}
_LEVEL_BY_NAME = {level.value: level for level in Level} | {level.zh: level for level in Level}
# Longest first, so that no alias takes the beginning of a longer name; no letter may go on before or behind it.
_TYPE_IN_TEXT = re.compile(
    rf"(?<![a-z])(?:{'|'.join(sorted(map(re.escape, _TYPE_BY_NAME), key=len, reverse=True))})(?![a-z])"
)


def types_in(text: str) -> tuple[DistortionType, ...]:
    """Every type a text names, also by an alias and also to deny it, each once and in the order of the enum."""
    said = {_TYPE_BY_NAME[name] for name in _TYPE_IN_TEXT.findall(text.lower())}
    return tuple(type_ for type_ in DistortionType if type_ in said)


def find_type(name: str) -> DistortionType | None:
    """The type a name or alias stands for, any case, `_` as space; None where it stands for none."""
    return _TYPE_BY_NAME.get(" ".join(name.lower().replace("_", " ").split()))


def find_severity(name: str) -> Severity | None:
    """The severity a word stands for ("Slight" is minor), any case; None where it stands for none."""
    return _SEVERITY_BY_NAME.get(name.strip().lower())


def find_level(name: str) -> Level | None:
    """The level a word stands for, any case; None where it stands for none."""
    return _LEVEL_BY_NAME.get(name.strip().lower())
