"""The report of a video run in a real browser: the slider divides the pictures, the lens shows pixels."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.ui.cli import app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DARK = Finding(
    type=DistortionType.UNDEREXPOSURE, severity=Severity.MODERATE, box=Box.of(100, 100, 900, 900), key=True
)
BAD = render_assess(Diagnosis(content="A wall.", findings=(DARK,), level=Level.POOR))
FINE = render_assess(Diagnosis(content="A wall.", findings=(), level=Level.GOOD))
FEW = ("analysis.short_frames=2", "analysis.extremes=false", "analysis.again=0", "process.preset=ultrafast")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dark clip that `finesight video run` has really made brighter, by a scripted diagnosis."""
    import json

    folder = tmp_path_factory.mktemp("film")
    clip = folder / "dark<b>.mp4"
    picture = np.kron(np.random.default_rng(1).integers(20, 90, (8, 14, 3)), np.ones((16, 16, 1)))
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "6"})
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for i in range(12):
            shifted = np.ascontiguousarray(picture[:, i : i + 192].astype(np.uint8))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shifted)))
        out.mux(stream.encode(None))
    (folder / "script").write_text("\n".join(json.dumps(answer) for answer in (BAD, BAD, FINE, FINE)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        words = ["video", "run", clip, folder / "out.mp4", *FEW, "process.crf=8"]
        model = f"scripted:{folder / 'script'}"
        done = CliRunner().invoke(app, [*map(str, words), "--model", model], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder / "out.mp4.run"


@pytest.fixture
def page(browser: Browser, run_folder: Path) -> Iterator[Page]:
    """The report opened; on the way out nothing may have been requested or complained about."""
    done = CliRunner().invoke(app, ["video", "report", str(run_folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    requests: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requests.append(request.url[:40]))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto((run_folder / "report.html").as_uri())
    yield opened
    opened.close()
    assert complaints == []
    assert [url for url in requests[1:] if not url.startswith("data:")] == []


def halves(pair: Locator) -> tuple[float, float]:
    """Mean brightness of the left and of the right third of what is shown."""
    shown = np.asarray(Image.open(io.BytesIO(pair.screenshot())).convert("L"), float)
    third = shown.shape[1] // 3
    return float(shown[:, :third].mean()), float(shown[:, -third:].mean())


def drag(page: Page, pair: Locator, start: float, end: float) -> None:
    box = pair.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y)
    page.mouse.move(box["x"] + end * box["width"], y)
    page.mouse.up()


def test_dragging_the_slider_shows_before_on_its_left_and_after_on_its_right(page: Page) -> None:
    pair, told = page.locator(".pair").first, page.locator(".told").first
    page.locator('[data-do="boxes"]').first.uncheck()
    left, right = halves(pair)
    assert right > left + 15
    drag(page, pair, 0.5, 0.9)
    assert told.inner_text() == "before 90 %"
    assert pair.get_attribute("aria-valuenow") == "90"
    darker = halves(pair)
    assert darker[1] < right - 10
    drag(page, pair, 0.9, 0.0)
    assert told.inner_text() == "after"
    assert halves(pair)[0] > left + 15
    page.get_by_role("button", name="before", exact=True).first.click()
    assert told.inner_text() == "before"
    before = halves(pair)
    assert abs(before[0] - left) < 3
    pair.press(" ")
    assert told.inner_text() == "after"


def test_the_page_says_what_was_found_decided_and_judged(page: Page) -> None:
    text = page.locator("#s0").inner_text()
    for words in ("moderate underexposure", "KEY", "accepted", "accepted by KEY"):
        assert words in text
    assert page.locator(".lane", has_text="Underexposure").locator("a").count() == 1
    page.locator(".lane a").first.click()
    assert page.url.endswith("#s0")
    page.get_by_text("filters and command").click()
    assert "ffmpeg" in page.locator("#s0 pre").last.inner_text()
    assert page.title() == "finesight: dark<b>.mp4"


def test_the_lens_shows_both_pictures_a_pixel_a_pixel(page: Page) -> None:
    pair, lens = page.locator(".pair").first, page.locator(".lens").first
    pair.hover()
    assert lens.is_hidden()
    page.locator('[data-do="lens"]').first.check()
    box = pair.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] + 1, middle[1])
    assert lens.is_visible()
    glasses = lens.locator("div")
    x = 80 - (middle[0] + 1 - box["x"]) / box["width"] * 192
    for glass in (glasses.nth(0), glasses.nth(1)):
        place = glass.evaluate("e => getComputedStyle(e).backgroundPosition")
        assert float(place.split("px")[0]) == pytest.approx(x, abs=0.5)
        assert glass.evaluate("e => getComputedStyle(e).backgroundSize") == "auto"
    first, second = (g.evaluate("e => e.style.backgroundImage") for g in (glasses.nth(0), glasses.nth(1)))
    assert first != second
    page.mouse.move(0, 0)
    assert lens.is_hidden()


def test_boxes_can_be_hidden(page: Page) -> None:
    box = page.locator(".pair .box").first
    assert box.is_visible()
    page.locator('[data-do="boxes"]').first.uncheck()
    assert box.is_hidden()
