"""A diagnosis drawn over its picture: boxes by type and severity, labels, and a legend below."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from finesight.schema.diagnosis import Finding
from finesight.schema.picture import Outcome, Picture
from finesight.ui.labels import Rect, Size, coincident, place_labels, to_rect
from finesight.ui.legend import GROUND, draw_legend, draw_plate, plate_height, plate_width
from finesight.ui.palette import TYPE_COLOURS
from finesight.ui.strokes import draw_frame, stroke
from finesight.ui.words import Lang, name, say

MIN_SIDE_PX, MAX_SIDE_PX = 640, 4096
"""The long side of a drawn picture: smaller ones are enlarged so that text fits, larger ones reduced."""
MAX_LABEL_SHARE = 0.2
"""Labels that would hide more of the picture than this shrink to their numbers."""


def draw_overlay(picture: Picture, outcome: Outcome, lang: Lang = "en") -> NDArray[np.uint8]:
    """The picture with its findings and a legend, uint8 RGB.

    Numbers on labels are those of the legend. A label that finds no free place is left to the legend.

    Raises:
        ConfigError: no font for the language is installed.
    """
    drawn = _to_drawing_size(Image.fromarray(picture.rgb))
    em = max(14, round(math.sqrt(drawn.width * drawn.height) / 48))
    findings = outcome.diagnosis.findings if outcome.diagnosis else ()
    framed = _draw_findings(drawn, findings, em, lang)
    legend = draw_legend(outcome, drawn.width, em, lang)
    sheet = Image.new("RGB", (legend.width, drawn.height + legend.height), GROUND)
    sheet.paste(framed, ((legend.width - drawn.width) // 2, 0))
    sheet.paste(legend, (0, drawn.height))
    return np.array(sheet)


def _to_drawing_size(image: Image.Image) -> Image.Image:
    side = max(image.size)
    if side > MAX_SIDE_PX:
        return _resize(image, MAX_SIDE_PX / side, Image.Resampling.LANCZOS)
    if side * 2 <= MIN_SIDE_PX:  # whole pixels stay visible as such: they are what is judged
        return _resize(image, MIN_SIDE_PX // side, Image.Resampling.NEAREST)
    if side < MIN_SIDE_PX:
        return _resize(image, MIN_SIDE_PX / side, Image.Resampling.BICUBIC)
    return image


def _resize(image: Image.Image, factor: float, how: Image.Resampling) -> Image.Image:
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, how)


def _draw_findings(image: Image.Image, findings: tuple[Finding, ...], em: int, lang: Lang) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    frames = _frames(findings, image.size, em)
    for finding, frame in sorted(zip(findings, frames, strict=True), key=lambda pair: -pair[0].box.area):
        draw_frame(draw, frame, stroke(finding.severity, em), TYPE_COLOURS[finding.type])
    for finding, text, place in _labels(findings, frames, image.size, em, lang):
        middle = (place[1] + place[3]) // 2
        right = draw_plate(draw, (place[0], middle), text, TYPE_COLOURS[finding.type], em, lang)
        if finding.key:
            draw_plate(draw, (right, middle), say("key", lang), "#ffffff", em, lang)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _frames(findings: tuple[Finding, ...], size: Size, em: int) -> list[Rect]:
    """Pixel rectangles of the boxes; where some would lie on one another they step inwards."""
    frames: list[Rect] = []
    beneath = coincident([finding.box for finding in findings])
    for finding, indices in zip(findings, beneath, strict=True):
        inset = sum(stroke(findings[index].severity, em).reach for index in indices)
        left, top, right, bottom = to_rect(finding.box, size)
        inset = min(inset, (right - left) // 3, (bottom - top) // 3)
        right, bottom = max(right, left + 3), max(bottom, top + 3)  # a thin box is drawn, not lost
        frames.append((left + inset, top + inset, right - inset, bottom - inset))
    return frames


def _labels(
    findings: tuple[Finding, ...], frames: list[Rect], canvas: Size, em: int, lang: Lang
) -> list[tuple[Finding, str, Rect]]:
    """Texts and places: numbers with names where there is room for all of them, numbers alone otherwise."""
    names = [f"{number} {name(finding.type, lang)}" for number, finding in enumerate(findings, 1)]
    numbers = [str(number) for number in range(1, len(findings) + 1)]
    sizes = _label_sizes(findings, names, em, lang)
    places = place_labels(frames, sizes, canvas)
    texts = names
    crowded = sum(width * height for width, height in sizes) > MAX_LABEL_SHARE * canvas[0] * canvas[1]
    if crowded or None in places:
        texts, places = numbers, place_labels(frames, _label_sizes(findings, numbers, em, lang), canvas)
    found = zip(findings, texts, places, strict=True)
    return [(finding, text, place) for finding, text, place in found if place is not None]


def _label_sizes(findings: tuple[Finding, ...], texts: list[str], em: int, lang: Lang) -> list[Size]:
    key = plate_width(say("key", lang), em, lang)
    return [
        (plate_width(text, em, lang) + (key if finding.key else 0), plate_height(em))
        for finding, text in zip(findings, texts, strict=True)
    ]
