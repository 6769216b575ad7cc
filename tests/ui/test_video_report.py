"""The report of a run that is anywhere on its way, from files made by the video chain itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import (
    Colour,
    SampledFrame,
    Shot,
    ShotAnalysis,
    Timeline,
    Video,
    VideoFinding,
)
from finesight.ui.cli import app
from finesight.ui.film import read_film, telling
from finesight.ui.video_report import curves, lanes, write_video_report

COLOUR = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")


def found(kind: DistortionType, severity: Severity, **more: object) -> VideoFinding:
    return VideoFinding(
        id=f"{kind}-{severity}", type=kind, severity=severity, share=0.5, box=Box.of(0, 0, 500, 500),
        start=0, end=1, **more,
    )  # fmt: skip


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """An analysis of two shots, of which the second has no diagnosis and no picture."""
    from PIL import Image

    folder = tmp_path / "run"
    (folder / "frames").mkdir(parents=True)
    for number, colour in ((2, 40), (7, 200)):
        picture = np.full((60, 80, 3), colour, np.uint8)
        Image.fromarray(picture).save(folder / "frames" / f"{number:08d}.png")
    video = Video(
        path="in <i>.mp4", bytes=1, container="mp4", codec="h264", width=80, height=60, pixel_format="yuv420p",
        bit_depth=8, duration=4.0, rate=10.0, colour=COLOUR,
    )  # fmt: skip
    frames = (
        SampledFrame(frame=2, time=0.2, picture="frames/00000002.png", score=2.0),
        SampledFrame(frame=7, time=0.7, picture="frames/00000007.png", score=1.5),
        SampledFrame(frame=8, time=0.8, picture="frames/gone.png", score=1.0),
    )
    findings = (
        found(DistortionType.NOISE, Severity.MINOR),
        found(DistortionType.NOISE, Severity.SEVERE, key=True),
    )
    shots = (
        ShotAnalysis(
            shot=Shot(index=0, start=0, end=1, first_frame=0, frames=10), frames=frames, findings=findings,
            score=1.5,
        ),
        ShotAnalysis(shot=Shot(index=1, start=1, end=4, first_frame=10, frames=30), frames=()),
    )  # fmt: skip
    timeline = Timeline(video=video, shots=shots, notes=("ends early <script>alert(1)</script>",))
    (folder / "timeline.json").write_text(timeline.model_dump_json())
    return folder


def test_an_analysis_alone_is_shown_as_far_as_it_goes(run_folder):
    assert write_video_report(run_folder, run_folder / "report.html") == 2
    page = (run_folder / "report.html").read_text()
    assert page.count('<article class="shot"') == 2
    assert "no frame of it has a diagnosis" in page
    assert page.count("data:image/jpeg") == 1
    assert 'class="after"' not in page
    assert "<script>alert" not in page
    assert "in &lt;i&gt;.mp4" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)


def test_a_shot_is_shown_by_its_worst_frame_that_has_a_picture(run_folder):
    film = read_film(run_folder)
    assert [frame and frame.frame for frame in (telling(run_folder, s) for s in film.timeline.shots)] == [
        7,
        None,
    ]
    assert (film.plan, film.processed, film.acceptance, film.made) == (None, None, None, None)


def test_the_timeline_is_in_shares_of_the_video_and_as_strong_as_the_worst_finding(run_folder):
    timeline = read_film(run_folder).timeline
    (noise, decided) = lanes(timeline, [])
    assert noise.title == "Noise"
    (span,) = noise.spans
    assert (span.left, span.width, span.strength, span.shot) == (0, 25, 1.0, 0)
    assert "severe noise in 50% of its frames, KEY" in span.tip
    assert decided.spans == ()
    assert curves(timeline, [])[0][1] == "M5.000 75.00 L17.500 87.50 L20.000 100.00"


def test_a_folder_without_an_analysis_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match=r"timeline\.json; `finesight video analyse"):
        write_video_report(tmp_path, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
    refused = CliRunner().invoke(app, ["video", "report", str(tmp_path), "--out", "page.txt"])
    assert refused.exit_code == 2
    assert "does not end in .html" in refused.output
