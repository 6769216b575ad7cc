"""The interface speaks both languages throughout."""

from __future__ import annotations

from pathlib import Path

from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.ui import words
from finesight.ui.words import WORDS, say, sentence

FINDING = Finding(
    type=DistortionType.NOISE,
    severity=Severity.SEVERE,
    box=Box.of(0, 0, 500, 500),
    key=True,
    confidence=0.914,
)


def test_a_finding_reads_as_a_sentence_in_both_languages() -> None:
    assert sentence(FINDING, "en") == "severe noise, KEY, confidence 91%"
    assert sentence(FINDING, "zh") == "严重噪点，关键，置信度 91%"


def test_every_word_has_two_languages_and_a_user() -> None:
    folder = Path(words.__file__).parent
    files = [*folder.rglob("*.py"), *folder.rglob("*.html")]
    sources = "".join(path.read_text("utf-8") for path in files)
    for key, (en, zh) in WORDS.items():
        assert say(key, "en") == en
        assert say(key, "zh") == zh
        assert sources.count(f"'{key}'") + sources.count(f'"{key}"') >= 2, f"nobody says {key}"
