"""The report in a real browser: it sorts, toggles, requests nothing and complains about nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LEVELS = (Level.GOOD, Level.BAD, Level.EXCELLENT, Level.FAIR)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def _outcome(index: int, level: Level) -> tuple[Outcome, Picture]:
    name = f"{index}<img src=x onerror=document.title='hacked'>.png"
    findings = (
        Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 900, 900), key=True),
        Finding(type=DistortionType.MOTION_BLUR, severity=Severity.MINOR, box=Box.of(100, 100, 300, 300)),
    )
    outcome = Outcome(
        image=name,
        width=80,
        height=60,
        diagnosis=Diagnosis(content="A picture.", findings=findings[: 1 + index % 2], level=level),
        score=float(level.rank),
        raw="<script>document.title='hacked'</script>",
    )
    return outcome, Picture(path=name, rgb=np.full((60, 80, 3), 60 * index, np.uint8), sha256="")


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The report opened; on the way out nothing may have been requested or complained about."""
    write_report(tmp_path / "r.html", [_outcome(i, level) for i, level in enumerate(LEVELS)], title="T")
    opened = browser.new_page(viewport={"width": 1300, "height": 900})
    requests: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requests.append(request.url[:40]))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto((tmp_path / "r.html").as_uri())
    yield opened
    assert opened.title() == "T"
    opened.close()
    assert complaints == []
    assert [url for url in requests[1:] if not url.startswith("data:")] == []


def _order(page: Page, what: str) -> list[str]:
    texts = page.locator(what).all_inner_texts()
    return [text.strip()[0] for text in texts]


def test_a_heading_sorts_rows_and_cards_up_and_then_down(page: Page) -> None:
    score = page.get_by_role("button", name="Score")
    score.click()
    assert _order(page, "#index tbody a") == _order(page, "#cards h3") == ["1", "3", "0", "2"]
    assert page.locator("#index th[aria-sort=ascending]").inner_text().startswith("Score")
    score.click()
    assert _order(page, "#index tbody a") == _order(page, "#cards h3") == ["2", "0", "3", "1"]
    page.get_by_role("button", name="File").click()
    assert _order(page, "#index tbody a") == ["0", "1", "2", "3"]


def test_a_type_toggles_its_boxes_labels_and_lines(page: Page) -> None:
    noise = page.locator("#cards .t9")
    assert sum(element.is_visible() for element in noise.all()) == 12
    page.get_by_role("checkbox", name="Noise").uncheck()
    assert not any(element.is_visible() for element in noise.all())
    assert page.locator("#cards .box.t1").first.is_visible()
    page.get_by_role("checkbox", name="Noise").check()
    assert all(element.is_visible() for element in noise.all())


def test_a_severity_toggles_its_boxes(page: Page) -> None:
    page.get_by_role("checkbox", name="minor").uncheck()
    assert not any(element.is_visible() for element in page.locator(".box.minor").all())
    assert page.locator(".box.severe").first.is_visible()


def test_boxes_lie_where_the_findings_are(page: Page) -> None:
    frame = page.locator("#i1 .frame").bounding_box()
    box = page.locator("#i1 .box").bounding_box()
    assert frame
    assert box
    assert box["width"] / frame["width"] == pytest.approx(0.9, abs=0.01)
    assert box["height"] / frame["height"] == pytest.approx(0.9, abs=0.01)
    assert frame["width"] / frame["height"] == pytest.approx(80 / 60, rel=0.01)


def test_pointing_at_a_line_lights_its_box_and_pointing_at_a_box_tells_of_it(page: Page) -> None:
    page.locator("#i1 .finding").hover()
    assert "lit" in (page.locator("#i1 .box").get_attribute("class") or "")
    page.locator("#i1 .box").hover()
    tip = page.locator("#i1 .box").evaluate("box => getComputedStyle(box, '::after').content")
    assert tip == '"1 · severe noise, KEY"'


def test_the_answer_of_the_model_unfolds(page: Page) -> None:
    answer = page.locator("#i1 pre")
    assert not answer.is_visible()
    page.locator("#i1 summary").click()
    assert answer.inner_text() == "<script>document.title='hacked'</script>"
