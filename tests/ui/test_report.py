"""A report holds everything it shows, in both languages, whatever the files are called."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.report import Section, picture_px, write_report
from finesight.ui.words import Lang

HOSTILE = '"><img src=x onerror=alert(1)>{{ 7*7 }}.png'


def picture(name: str, width: int = 60, height: int = 40) -> Picture:
    return Picture(path=name, rgb=np.full((height, width, 3), 90, np.uint8), sha256="")


def diagnosed(name: str = "a.png", content: str = "A bird.", raw: str = "raw answer") -> Outcome:
    findings = (
        Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 1000), key=True),
        Finding(
            type=DistortionType.OVEREXPOSURE,
            severity=Severity.MINOR,
            box=Box.of(100, 200, 300, 600),
            confidence=0.75,
        ),
    )
    said = Diagnosis(content=content, findings=findings, level=Level.POOR)
    return Outcome(image=name, width=60, height=40, diagnosis=said, score=2.25, model="nano", raw=raw)


class Page(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def written(tmp_path: Path, *rows: tuple[Outcome, Picture | None], lang: Lang = "en", **more: object) -> str:
    path = tmp_path / "report.html"
    write_report(path, iter(rows), lang=lang, **more)
    return path.read_text("utf-8")


def test_the_page_says_what_was_found(tmp_path: Path) -> None:
    failed = Outcome(image="b.png", error="empty file (0 bytes); copy it again")
    page = Page(written(tmp_path, (diagnosed(), picture("a.png")), (failed, None)))
    for text in (
        "a.png",
        "A bird.",
        "poor",
        "2.25",
        "Noise",
        "75%",
        "KEY",
        "raw answer",
        "b.png",
        "empty file",
    ):
        assert text in page.text
    boxes = [attrs for tag, attrs in page.tags if "box" in (attrs.get("class") or "").split()]
    assert boxes[1]["style"] == "left: 10.0%; top: 20.0%; width: 20.0%; height: 40.0%; --inset: 0px"
    assert boxes[0]["data-tip"] == "2 · severe noise, KEY"


def test_hostile_names_contents_and_answers_stay_text(tmp_path: Path) -> None:
    evil = diagnosed(HOSTILE, content=HOSTILE, raw="</pre><script>alert(1)</script>")
    failed = Outcome(image=HOSTILE, error=HOSTILE)
    section = Section(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE)
    html = written(tmp_path, (evil, picture(HOSTILE)), (failed, None), sections=[section], title=HOSTILE)
    page = Page(html)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]
    assert all((attrs["src"] or "").startswith("data:") for tag, attrs in page.tags if tag == "img")
    assert "49.png" not in html


def test_the_policy_of_the_page_allows_its_own_script_and_no_request(tmp_path: Path) -> None:
    html = written(tmp_path, (diagnosed(), picture("a.png")))
    policy = next(a["content"] for t, a in Page(html).tags if t == "meta" and a.get("http-equiv"))
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert policy
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert "http:" not in html
    assert "https:" not in html


@pytest.mark.parametrize(("width", "height", "expected"), [(3000, 1000, (960, 320)), (50, 30, (50, 30))])
def test_embedded_pictures_are_bounded(
    tmp_path: Path, width: int, height: int, expected: tuple[int, int]
) -> None:
    html = written(tmp_path, (diagnosed(), picture("a.png", width, height)))
    source = next(attrs["src"] for tag, attrs in Page(html).tags if tag == "img")
    assert source
    assert Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size == expected


def test_a_thousand_pictures_are_embedded_smaller() -> None:
    sides = [picture_px(count) for count in (1, 100, 1000)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > sides[-1]


def test_chinese_reports_bring_their_glyphs_along(tmp_path: Path) -> None:
    html = written(tmp_path, (diagnosed(content="一只鸟。"), picture("a.png")), lang="zh")
    page = Page(html)
    assert ("html", {"lang": "zh-Hans"}) in page.tags
    for text in ("噪点", "严重", "较差", "关键", "一只鸟。"):
        assert text in page.text
    assert "data:font/otf;base64," in html
    assert "@font-face" not in written(tmp_path, (diagnosed(), picture("a.png")))


def test_sections_of_the_caller_are_shown(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    section = Section("Scores", ("model", "final"), (("nano", 2.5),), "Unseen photographs.", file.getvalue())
    page = Page(written(tmp_path, sections=[section]))
    for text in ("Scores", "final", "2.5", "Unseen photographs."):
        assert text in page.text
    plot = next(attrs for tag, attrs in page.tags if tag == "img")
    assert base64.b64decode((plot["src"] or "").partition(",")[2]) == file.getvalue()


def test_missing_pieces_leave_a_valid_page(tmp_path: Path) -> None:
    bare = Outcome(image="c.png", diagnosis=Diagnosis(content="", level=None))
    page = Page(written(tmp_path, (bare, None)))
    assert "No distortion found" in page.text
    assert "unknown" in page.text
    assert "Picture not embedded" in page.text
    assert Page(written(tmp_path)).text.count("0") >= 3
