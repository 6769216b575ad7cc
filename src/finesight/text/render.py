"""Answers as text, in the formats `docs/grammar.md` describes. Deterministic; `parse` reads them back.

The prose around the boxes is short on purpose: a small decoder has to learn every token of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from finesight.schema.box import Box
from finesight.schema.diagnosis import Brief, Diagnosis, Finding, canonical
from finesight.schema.taxonomy import DistortionType, Level
from finesight.text.grammar import box_text, reference_text
from finesight.text.merged import numbered

NO_DISTORTION: Final = "There is no distortion in the image."
NO_DISTORTION_IN_REGION: Final = "No distortion affects this region."
_NO_KEY: Final = "No single distortion stands out."

_SHOWS_AS: Final = {
    DistortionType.LOW_CLARITY: "fine detail is lost",
    DistortionType.MOTION_BLUR: "edges are smeared along the motion",
    DistortionType.OUT_OF_FOCUS_BLUR: "shapes are soft",
    DistortionType.BLOCKING_ARTIFACTS: "square blocks show",
    DistortionType.EDGE_ALIASING_EFFECT: "edges look jagged",
    DistortionType.EDGE_RINGING_EFFECT: "halos follow the edges",
    DistortionType.OVEREXPOSURE: "bright parts are washed out",
    DistortionType.UNDEREXPOSURE: "dark parts hide detail",
    DistortionType.MEANINGLESS_SOLID_COLOR: "the flat area says nothing",
    DistortionType.NOISE: "grain covers the surface",
}


def render_assess(diagnosis: Diagnosis) -> str:
    """Content (where there is any), a line a type, the key distortions, the level.

    Raises ValueError for a diagnosis without a level, which no complete answer has.
    """
    if diagnosis.level is None:
        raise ValueError("a diagnosis without a level has no rendering")
    content = [diagnosis.content] if diagnosis.content else []
    types = [
        _type_line(type_, tuple(group)) for type_, group in groupby(diagnosis.findings, lambda f: f.type)
    ]
    return "\n".join((*content, *types, _key_line(diagnosis), f"Thus, {_level_clause(diagnosis.level)}"))


def render_brief(brief: Brief) -> str:
    """Three bullets: conclusion, distortions by name, scene."""
    named = ", ".join(f"{m.severity.value} {m.type.value.lower()}" for m in brief.mentions)
    lines = (
        f"- **Conclusion**: {render_score(brief.level)}",
        f"- **Distortion assessment**: {f'{named.capitalize()}.' if named else NO_DISTORTION}",
        f"- **Scene description**: {brief.scene}".rstrip(),
    )
    return "\n".join(lines)


def render_dist_assess(type: DistortionType, findings: Iterable[Finding]) -> str:
    """Every occurrence of one type and how it shows, or that there is none. ValueError for other types."""
    found = canonical(findings)
    if any(f.type is not type for f in found):
        raise ValueError(f"findings of another type than {type.value}")
    return _type_line(type, found) if found else f"There is no {type.value.lower()} in the image."


def render_detect(findings: Iterable[Finding]) -> str:
    """A heading line a type, below it a line a run of equal severity with its boxes; a final full stop."""
    blocks = _blocks(findings, after_heading="\n")
    return f"{blocks}." if blocks else NO_DISTORTION


def render_region(findings: Iterable[Finding]) -> str:
    """As `render_detect`, the first reference on the line of its heading and no final full stop."""
    return _blocks(findings, after_heading=" ") or NO_DISTORTION_IN_REGION


def render_referring(boxes: Iterable[Box]) -> str:
    """The boxes and nothing else, each once, or that there is no such distortion."""
    return "".join(map(box_text, dict.fromkeys(boxes))) or NO_DISTORTION


def render_choice(letter: str) -> str:
    """`B.`"""
    return f"{letter}."


def render_choices(letters: Sequence[str]) -> str:
    """One numbered line a question: `1. B`."""
    return numbered(letters)


def render_score(level: Level) -> str:
    """`The quality of the image is fair.`"""
    return f"The {_level_clause(level).removeprefix('the ')}"


def _level_clause(level: Level) -> str:
    return f"the quality of the image is {level.value}."


def _type_line(type_: DistortionType, findings: Sequence[Finding]) -> str:
    return f"{_enumerated(findings, ', ', opens=True)}: {_SHOWS_AS[type_]}."


def _key_line(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return NO_DISTORTION
    if not diagnosis.keys:
        return _NO_KEY
    verb = "has" if len(diagnosis.keys) == 1 else "have"
    return (
        f"The {_enumerated(diagnosis.keys, ' and the ')} {verb} the most significant impact on the quality."
    )


def _enumerated(findings: Sequence[Finding], joint: str, *, opens: bool = False) -> str:
    """Every finding with a reference of its own: here the organisers read only one box a reference."""
    return joint.join(
        reference_text(f.severity, f.type, opens=opens and i == 0) + box_text(f.box)
        for i, f in enumerate(findings)
    )


def _blocks(findings: Iterable[Finding], after_heading: str) -> str:
    lines = []
    for type_, of_type in groupby(canonical(findings), lambda f: f.type):
        runs = groupby(of_type, lambda f: f.severity)
        refs = [
            reference_text(s, type_, opens=True) + "".join(box_text(f.box) for f in run) for s, run in runs
        ]
        lines.append(f"{type_.value}:{after_heading}" + "\n".join(refs))
    return "\n".join(lines)
