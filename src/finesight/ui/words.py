"""The words of the interface in English and Chinese; terms of the task come from the taxonomy."""

from __future__ import annotations

from typing import Literal

from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity

Lang = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "confidence": ("confidence", "置信度"),
    "distortions": ("Distortions", "失真"),
    "failed": ("Failed", "失败"),
    "failures": ("Files that could not be diagnosed", "未能诊断的文件"),
    "file": ("File", "文件"),
    "images": ("Images", "图像"),
    "image_size": ("Size", "尺寸"),
    "key": ("KEY", "关键"),
    "level": ("Level", "等级"),
    "mean_score": ("Mean score", "平均分"),
    "model": ("Model", "模型"),
    "no_distortion": ("No distortion found", "未发现失真"),
    "no_picture": ("Picture not embedded", "未嵌入图像"),
    "raw": ("Answer of the model", "模型原始回答"),
    "reason": ("Reason", "原因"),
    "score": ("Score", "评分"),
    "severity": ("Severity", "程度"),
    "show": ("Show", "显示"),
    "sort_hint": ("Click a heading to sort", "点击表头排序"),
    "title": ("Image quality report", "图像质量报告"),
    "type": ("Type", "类型"),
    "unknown": ("unknown", "未知"),
}


def say(word: str, lang: Lang) -> str:
    """A word of the interface by its key."""
    return WORDS[word][lang == "zh"]


def name(term: DistortionType | Severity | Level, lang: Lang) -> str:
    """A term of the taxonomy as it is shown."""
    return term.zh if lang == "zh" else term.value


def sentence(finding: Finding, lang: Lang) -> str:
    """A finding in one line: "severe noise, KEY, confidence 91 %"."""
    severity, kind = name(finding.severity, lang), name(finding.type, lang)
    parts = [f"{severity}{kind}" if lang == "zh" else f"{severity} {kind.lower()}"]
    if finding.key:
        parts.append(say("key", lang))
    if finding.confidence is not None:
        parts.append(f"{say('confidence', lang)} {finding.confidence:.0%}")
    return ("，" if lang == "zh" else ", ").join(parts)
