"""What rules may ask, and the answers."""

from __future__ import annotations

from typing import Any

import pytest

from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.schema.video import Colour, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.video.facts import Facts, ask, of_shot, of_video
from finesight.video.rules import Condition

TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")
VIDEO = Video(
    path="a.mp4",
    bytes=1,
    container="mp4",
    codec="h264",
    width=360,
    height=640,
    pixel_format="yuv420p",
    bit_depth=8,
    duration=9,
    rate=25,
    colour=TAGS,
)


def finding(type_: T = T.NOISE, severity: Severity = Severity.MODERATE, **more: Any) -> VideoFinding:
    given = {"id": type_.name, "share": 0.5, "box": Box.of(0, 0, 500, 1000), "start": 0, "end": 1}
    return VideoFinding(type=type_, severity=severity, **(given | more))


def shot(frames: int, **signals: float) -> ShotAnalysis:
    return ShotAnalysis(
        shot=Shot(index=0, start=1, end=3, first_frame=0, frames=frames),
        frames=(),
        signals=signals,
        score=2.5,
    )


def answer(asked: dict[str, Any], *findings: VideoFinding, **signals: float) -> Any:
    return ask(Condition(**asked), Facts(findings, signals, {"height": 640.0}, {"frames": 50.0}))


@pytest.mark.parametrize(
    ("asked", "why_not"),
    [
        ({"severity": "moderate", "share": 0.5, "area": 0.5}, ""),
        ({"severity": "severe"}, "Noise is moderate, asked for is severe"),
        ({"share": 0.6}, "Noise is in 50% of the frames, asked for are 60%"),
        ({"area": 0.6}, "Noise covers 50% of the picture, asked for are 60%"),
        ({"key": True}, "Noise is not the KEY"),
        ({"video": {"height": {"max": 640}}}, ""),
        ({"video": {"height": {"max": 639}}}, "video's height is 640, asked for is at most 639"),
        (
            {"shot": {"frames": {"min": 40, "max": 49}}},
            "shot's frames is 50, asked for is at least 40 and at most 49",
        ),
        ({"signals": {"noise": {"min": 3}}}, ""),
        ({"signals": {"noise": 4}}, "signal noise is 3, asked for is 4"),
        ({"signals": {"blur": {"min": 3}}}, "signal blur is not known"),
    ],
)
def test_a_condition_holds_or_says_what_it_lacks(asked, why_not):
    told = answer({"types": ["Noise"]} | asked, finding(), noise=3.0)
    assert (told.holds, told.why_not, told.concerned) == (not why_not, why_not, True)


def test_a_condition_about_types_that_are_not_there_is_not_concerned():
    assert not answer({"types": ["Overexposure"]}, finding()).concerned


def test_of_several_findings_those_count_that_have_all_that_is_asked_for_and_the_worst_of_them():
    low = finding(T.LOW_CLARITY, Severity.MINOR)
    blurred = finding(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE, share=0.1)
    noisy = finding()
    told = answer({"types": ["Low clarity", "Out of focus blur", "Noise"], "share": 0.2}, low, blurred, noisy)
    assert (told.findings, told.severity) == ((low, noisy), Severity.MODERATE)


def test_what_lacks_least_is_told_of_the_worst_finding():
    told = answer(
        {"types": ["Low clarity", "Noise"], "key": True}, finding(T.LOW_CLARITY, Severity.MINOR), finding()
    )
    assert told.why_not == "Noise is not the KEY"


def test_a_shot_has_its_own_numbers_and_those_of_its_video():
    facts = of_shot(shot(50, noise=2.0), VIDEO)
    assert facts.shot == {"seconds": 2, "frames": 50, "score": 2.5}
    assert (facts.video["short_side"], facts.video["interlaced"], facts.video["hdr"]) == (360, 0, 0)
    assert facts.signals == {"noise": 2}


def test_a_signal_of_a_video_is_its_mean_over_the_frames_that_have_it():
    seen = Timeline(video=VIDEO, shots=(shot(10, noise=1.0), shot(30, noise=5.0), shot(60)))
    assert of_video(seen).signals == {"noise": (10 * 1 + 30 * 5) / 40}


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_transfer_of_hdr_makes_hdr(transfer):
    pq = VIDEO.model_copy(update={"colour": TAGS.model_copy(update={"transfer": transfer})})
    assert of_shot(shot(1), pq).video["hdr"] == 1
