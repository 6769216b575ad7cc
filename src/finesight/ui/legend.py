"""The strip below an overlay: level and score on top, then every finding with its number, line and name."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image, ImageDraw

from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome
from finesight.ui.fonts import font
from finesight.ui.palette import LEVEL_COLOURS, TYPE_COLOURS, ink_on
from finesight.ui.strokes import draw_sample, stroke
from finesight.ui.words import Lang, name, say

GROUND = "#14171c"
_RIM = "#0b0d10"  # so that a white plate shows on a white picture
_INK, _QUIET, _RULE = "#f3f4f6", "#a3a9b4", "#343a44"


class _Column(NamedTuple):
    """Widths in pixels of the cells of one finding, shared by all so that they line up."""

    badge: int
    line: int
    type: int
    severity: int
    confidence: int
    key: int
    gap: int

    @property
    def width(self) -> int:
        cells = (self.badge, self.line, self.type, self.severity, self.confidence, self.key)
        return sum(cell + self.gap for cell in cells if cell) + self.gap


def draw_legend(outcome: Outcome, width: int, em: int, lang: Lang) -> Image.Image:
    """An RGB strip at least `width` pixels wide (wider where one finding needs it), text of `em` pixels."""
    said = outcome.diagnosis
    findings = said.findings if said else ()
    column = _measure(findings, em, lang)
    strip_width = max(width, column.width, 22 * em)
    columns = max(1, min(strip_width // column.width, -(-len(findings) // 3)))
    rows = -(-len(findings) // columns)
    pitch = round(1.75 * em)
    head = round(2.9 * em)
    strip = Image.new("RGB", (strip_width, head + rows * pitch + (em if rows else 0)), GROUND)
    draw = ImageDraw.Draw(strip)
    _draw_head(draw, outcome, said, strip_width, em, lang)
    for index, finding in enumerate(findings):
        place = (
            column.gap + index // rows * (strip_width // columns),
            head + index % rows * pitch + pitch // 2,
        )
        _draw_finding(draw, place, (index + 1, finding), column, em, lang)
    return strip


def draw_plate(
    draw: ImageDraw.ImageDraw, left_middle: tuple[int, int], text: str, colour: str, em: int, lang: Lang
) -> int:
    """A rounded plate with text in readable ink; the result is its right edge."""
    x, y = left_middle
    right = x + plate_width(text, em, lang)
    half = plate_height(em) // 2
    area = (x, y - half, right - 1, y + half - 1)
    draw.rounded_rectangle(area, radius=max(2, em // 4), fill=colour, outline=_RIM, width=max(1, em // 16))
    draw.text((x + em * 2 // 5, y), text, fill=ink_on(colour), font=font(lang, em, bold=True), anchor="lm")
    return right


def plate_width(text: str, em: int, lang: Lang) -> int:
    """Pixels a plate with this text takes."""
    return round(font(lang, em, bold=True).getlength(text)) + 2 * (em * 2 // 5)


def plate_height(em: int) -> int:
    """Pixels a plate takes, an even number."""
    return 2 * round(0.68 * em)


def _measure(findings: tuple[Finding, ...], em: int, lang: Lang) -> _Column:
    plain = font(lang, em)

    def widest(texts: list[str]) -> int:
        return max((round(plain.getlength(text)) for text in texts), default=0)

    return _Column(
        badge=plate_width(str(len(findings)), em, lang),
        line=round(1.8 * em),
        type=widest([name(f.type, lang) for f in findings]),
        severity=widest([name(f.severity, lang) for f in findings]),
        confidence=widest([_percent(f) for f in findings]),
        key=plate_width(say("key", lang), em, lang) if any(f.key for f in findings) else 0,
        gap=round(0.65 * em),
    )


def _percent(finding: Finding) -> str:
    return "" if finding.confidence is None else f"{finding.confidence:.0%}"


def _draw_head(
    draw: ImageDraw.ImageDraw, outcome: Outcome, said: Diagnosis | None, width: int, em: int, lang: Lang
) -> None:
    x, y = round(0.65 * em), round(1.45 * em)
    level = said.level if said else None
    text = name(level, lang).upper() if level else say("unknown", lang)
    x = draw_plate(draw, (x, y), text, LEVEL_COLOURS[level] if level else "#6b7280", em, lang) + em
    if outcome.score is not None:
        score = f"{outcome.score:.2f}"
        draw.text((x, y), score, fill=_INK, font=font(lang, em, bold=True), anchor="lm")
        x += round(font(lang, em, bold=True).getlength(score))
        draw.text((x, y), " / 5", fill=_QUIET, font=font(lang, em), anchor="lm")
        x += round(font(lang, em).getlength(" / 5")) + em
    if said and not said.findings:
        draw.text((x, y), say("no_distortion", lang), fill=_QUIET, font=font(lang, em), anchor="lm")
    elif said:
        line = max(1, em // 14)
        below = round(2.5 * em)
        draw.rectangle((round(0.65 * em), below, width - round(0.65 * em) - 1, below + line - 1), fill=_RULE)


def _draw_finding(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    numbered: tuple[int, Finding],
    column: _Column,
    em: int,
    lang: Lang,
) -> None:
    (x, y), (number, finding) = place, numbered
    colour = TYPE_COLOURS[finding.type]
    draw_plate(draw, (x, y), str(number), colour, em, lang)
    x += column.badge + column.gap
    draw_sample(draw, (x, y), column.line, stroke(finding.severity, em), colour)
    x += column.line + column.gap
    cells = (
        (name(finding.type, lang), column.type, _INK),
        (name(finding.severity, lang), column.severity, _QUIET),
        (_percent(finding), column.confidence, _QUIET),
    )
    for text, width, ink in cells:
        draw.text((x, y), text, fill=ink, font=font(lang, em), anchor="lm")
        x += width + column.gap if width else 0
    if finding.key:
        draw_plate(draw, (x, y), say("key", lang), "#ffffff", em, lang)
