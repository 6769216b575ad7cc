"""An overlay shows every box in its colour and weight, on pictures of any size."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.draw import MAX_SIDE_PX, draw_overlay
from finesight.ui.palette import TYPE_COLOURS, rgb
from finesight.ui.words import Lang

NOISE, BLUR = DistortionType.NOISE, DistortionType.MOTION_BLUR
SEVERE, MINOR = Severity.SEVERE, Severity.MINOR


def picture(width: int, height: int, grey: int = 128) -> Picture:
    return Picture(path="p.png", rgb=np.full((height, width, 3), grey, np.uint8), sha256="")


def finding(kind: DistortionType, severity: Severity, *box: int, key: bool = False) -> Finding:
    return Finding(type=kind, severity=severity, box=Box.of(*box), key=key)


def outcome(*findings: Finding, level: Level | None = Level.POOR) -> Outcome:
    said = Diagnosis(content="Grey.", findings=findings, level=level)
    return Outcome(image="p.png", diagnosis=said, score=2.0)


def pixels_of(colour: str, image: NDArray[np.uint8]) -> int:
    return int((image == rgb(colour)).all(axis=2).sum())


def test_a_box_is_drawn_in_the_colour_of_its_type_along_its_edges() -> None:
    drawn = draw_overlay(picture(1000, 1000), outcome(finding(NOISE, SEVERE, 200, 300, 600, 700)))
    colour = rgb(TYPE_COLOURS[NOISE])
    for y, x in ((303, 400), (697, 400), (500, 203), (500, 597)):
        assert tuple(drawn[y, x]) == colour
    assert (drawn[500, 400] == 128).all()
    assert (drawn[500, 100] == 128).all()


@pytest.mark.parametrize("grey", [0, 255])
def test_a_picture_without_findings_is_left_as_it_is_above_the_legend(grey: int) -> None:
    drawn = draw_overlay(picture(800, 640, grey), outcome())
    assert drawn.shape[0] > 640
    assert (drawn[:640] == grey).all()


def test_severity_is_seen_in_the_weight_of_the_line() -> None:
    def weight(severity: Severity) -> int:
        drawn = draw_overlay(picture(1000, 1000), outcome(finding(NOISE, severity, 200, 300, 600, 700)))
        return pixels_of(TYPE_COLOURS[NOISE], drawn[320:680, 150:650])

    assert weight(Severity.MINOR) < weight(Severity.MODERATE) < weight(Severity.SEVERE)


def test_boxes_that_lie_on_one_another_are_all_seen() -> None:
    whole = (0, 0, 1000, 1000)
    drawn = draw_overlay(picture(1000, 1000), outcome(*(finding(t, SEVERE, *whole) for t in DistortionType)))
    row = drawn[700, :200]
    for colour in TYPE_COLOURS.values():
        assert (row == rgb(colour)).all(axis=1).any()


def test_the_key_finding_carries_a_tag_on_the_picture() -> None:
    def white(key: bool) -> int:
        drawn = draw_overlay(picture(800, 800), outcome(finding(BLUR, MINOR, 300, 300, 600, 600, key=key)))
        return pixels_of("#ffffff", drawn[:800])

    assert white(True) > white(False) + 200


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (64, 48), (3, 900), (900, 3), (640, 480), (8000, 400), (4200, 4200)]
)
def test_any_size_gives_a_drawing_within_bounds(width: int, height: int, lang: Lang) -> None:
    findings = [
        finding(t, s, 0, 0, 400 + 10 * i, 900) for i, t in enumerate(DistortionType) for s in Severity
    ]
    drawn = draw_overlay(picture(width, height), outcome(*findings), lang)
    assert drawn.dtype == np.uint8
    assert max(drawn.shape[:2]) >= 300
    assert drawn.shape[1] <= MAX_SIDE_PX


def test_a_small_picture_is_enlarged_by_whole_pixels() -> None:
    small = picture(64, 64)
    small.rgb[::2] = 0
    drawn = draw_overlay(small, outcome())
    assert set(np.unique(drawn[:640])) == {0, 128}
    assert (drawn[:10] == 0).all()
    assert (drawn[10:20] == 128).all()


@pytest.mark.parametrize("level", [None, Level.GOOD])
def test_languages_differ_in_the_legend(level: Level | None) -> None:
    said = outcome(finding(NOISE, SEVERE, 0, 0, 500, 500), level=level)
    en, zh = (draw_overlay(picture(640, 480), said, lang)[480:] for lang in ("en", "zh"))
    assert en.shape != zh.shape or (en != zh).any()


def test_a_thin_box_is_drawn_not_lost() -> None:
    drawn = draw_overlay(picture(800, 800), outcome(finding(NOISE, MINOR, 500, 100, 500, 900)))
    assert pixels_of(TYPE_COLOURS[NOISE], drawn[200:700, 380:420]) > 0
