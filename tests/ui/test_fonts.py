"""Every character the interface can show has a glyph of its own."""

from __future__ import annotations

import io
from importlib.machinery import ModuleSpec

import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from finesight.errors import ConfigError
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui import fonts
from finesight.ui.fonts import font, font_path, subset_font
from finesight.ui.words import WORDS, Lang

ABSENT = "\U0010fffe"  # a noncharacter, which no font may have


def _needed(lang: Lang) -> set[str]:
    terms = [*DistortionType, *Severity, *Level]
    shown = [term.zh if lang == "zh" else term.value for term in terms]
    shown += [pair[lang == "zh"] for pair in WORDS.values()]
    return set("".join(shown) + "".join(shown).upper() + "0123456789./%") - {" "}


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_character_is_drawn_as_the_missing_glyph(lang: Lang, bold: bool) -> None:
    face = font(lang, 24, bold)
    missing = bytes(face.getmask(ABSENT))
    for character in _needed(lang):
        assert bytes(face.getmask(character)) != missing, character


def _outline(font: TTFont, character: str) -> object:
    pen = RecordingPen()
    font.getGlyphSet()[font.getBestCmap()[ord(character)]].draw(pen)
    return pen.value


def test_a_subset_has_the_glyphs_asked_for_and_is_small() -> None:
    data = subset_font("zh", "清晰度低")
    part = TTFont(io.BytesIO(data))
    assert set(part.getBestCmap()) == {ord(character) for character in "清晰度低"}
    assert len(data) < 20_000
    with TTFont(font_path("zh")) as whole:
        assert _outline(part, "清") == _outline(whole, "清")


def test_a_missing_font_names_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(fonts, "find_spec", absent)
    with pytest.raises(ConfigError, match="pip install pylopdf-fonts-zh-cn"):
        font_path("zh")
