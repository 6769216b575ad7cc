"""Blocks for the terminal say all of it and cannot steer it."""

from __future__ import annotations

import io

from rich.console import Console

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.terminal import outcome_block
from finesight.ui.words import Lang

FINDING = Finding(
    type=DistortionType.MOTION_BLUR,
    severity=Severity.MODERATE,
    box=Box.of(1, 2, 3, 4),
    key=True,
    confidence=0.5,
)


def shown(outcome: Outcome, lang: Lang = "en") -> str:
    file = io.StringIO()
    Console(file=file, width=100, highlight=False).print(outcome_block(outcome, lang))
    return file.getvalue()


def outcome(*findings: Finding, level: Level | None = Level.BAD, name: str = "a.png") -> Outcome:
    said = Diagnosis(content="A [bold]street[/].", findings=findings, level=level)
    return Outcome(image=name, width=30, height=20, diagnosis=said, score=1.234)


def test_a_block_says_all_of_it() -> None:
    text = shown(outcome(FINDING))
    for part in ("a.png", "30 × 20", "bad", "1.23 / 5", "A [bold]street[/].", "Motion blur", "moderate"):
        assert part in text
    for part in ("1, 2, 3, 4", "50%", "KEY"):
        assert part in text


def test_a_block_in_chinese() -> None:
    text = shown(outcome(FINDING), "zh")
    for part in ("很差", "运动模糊", "中等", "关键"):
        assert part in text


def test_nothing_found_and_no_level_are_said() -> None:
    text = shown(outcome(level=None))
    assert "No distortion found" in text
    assert "unknown" in text


def test_an_error_stands_in_place_of_the_diagnosis() -> None:
    assert "empty file" in shown(Outcome(image="a.png", error="empty file (0 bytes)"))


def test_names_cannot_steer_the_terminal() -> None:
    text = shown(outcome(name="\x1b[2J\x07evil\u202egnp.png"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "evil" in text
