"""The table of a timeline: what it says of the file, the shots and the whole."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.ui.timeline import clock, described, timeline_block

VIDEO = Video(
    path="clip\x1b[2J.mp4",
    bytes=1,
    container="mp4",
    codec="h264",
    width=1280,
    height=720,
    pixel_format="yuv420p",
    bit_depth=8,
    duration=3723.456,
    rate=30000 / 1001,
    colour=Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv", assumed=("range",)),
)


def finding(type_: DistortionType, severity: Severity, key: bool) -> VideoFinding:
    return VideoFinding(
        id="x", type=type_, severity=severity, share=0.6, box=Box.of(0, 0, 9, 9), key=key, start=0, end=1
    )


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00.00"), (59.999, "1:00.00"), (3723.456, "1:02:03.46")])
def test_times_are_written_as_a_player_shows_them(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def test_a_file_is_described_with_what_was_assumed_and_what_is_odd() -> None:
    plain = described(VIDEO)
    assert plain == "1280 × 720, 29.97 fps, 1:02:03.46, h264 yuv420p, bt709/bt709/bt709/tv (assumed: range)"
    odd = VIDEO.model_copy(update={"variable_rate": True, "interlaced": True, "rotation": 90, "sar": 1.5})
    assert "variable rate, interlaced, pixels 1.500 wide, turned 90°" in described(odd)


def test_shots_have_a_row_each_the_key_first_and_unseen_ones_say_so() -> None:
    seen = SampledFrame(frame=1, time=0.1, diagnosis=Diagnosis(content="", level=Level.FAIR))
    failed = SampledFrame(frame=2, time=0.2, error="x")
    found = (
        finding(DistortionType.NOISE, Severity.SEVERE, False),
        finding(DistortionType.MOTION_BLUR, Severity.MINOR, True),
    )
    shots = (
        ShotAnalysis(
            shot=Shot(index=0, start=0, end=1, first_frame=0, frames=25),
            frames=(seen, failed),
            findings=found,
            score=2.5,
        ),
        ShotAnalysis(shot=Shot(index=1, start=1, end=2, first_frame=25, frames=25), frames=()),
        ShotAnalysis(shot=Shot(index=2, start=2, end=3, first_frame=50, frames=25), frames=(failed,)),
    )
    console = Console(width=120, file=io.StringIO())
    console.print(timeline_block(Timeline(video=VIDEO, shots=shots, findings=found[1:], score=2.5)))
    text = console.file.getvalue()
    assert "\x1b[2J" not in text
    assert "1/25" in text
    assert "minor motion blur 60% KEY, severe noise 60%" in text
    assert "not looked at" in text
    assert text.count("unknown: no frame has a diagnosis") == 1
    assert "nothing" not in text
    assert "score 2.50 of 5; 5th percentile –; worst shot –" in text
