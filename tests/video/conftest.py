"""Small real videos, written by PyAV when a test asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from finesight.data.stages import Source, mark
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Outcome, Picture
from finesight.schema.plan import Decision, Plan, ShotPlan, ToolCall
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.schema.video import Shot, ShotAnalysis, Timeline
from finesight.video.ffmpeg import Runner, load_runner
from finesight.video.folder import RunRecord
from finesight.video.frames import FrameReader
from finesight.video.probe import probe
from finesight.video.settings import AnalysisSettings
from finesight.video.tools import TOOLS

SIZE = (96, 64)


def still(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture with sharp shapes in colours of its own: uint8 RGB."""
    width, height = size
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), rng.integers(30, 220, 3), np.uint8)
    for _ in range(8):
        corner = int(rng.integers(width)), int(rng.integers(height))
        color = tuple(int(c) for c in rng.integers(20, 235, 3))
        cv2.circle(picture, corner, int(rng.integers(4, 18)), color, -1, cv2.LINE_AA)
    return picture


def shot(seed: int, frames: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """A picture that drifts sideways, a pixel each other frame."""
    picture = still(seed, size)
    return [np.roll(picture, i // 2, axis=1) for i in range(frames)]


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    rate: int = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sar: Fraction | None = None,
    rotation: int = 0,
    tags: tuple[int, int, int, int] | None = None,
    audio: int = 0,
    chapters: int = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write frames (uint8 RGB, or uint16 for rgb48) as a video; times in seconds make it a variable rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container_options or {}) as out:
        stream: Any = None
        sounds = [out.add_stream("aac", rate=8000) for _ in range(audio)]
        for index, rgb in enumerate(frames):
            if stream is None:
                stream = out.add_stream(codec, rate=rate, options=options or _fast(codec))
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
                if sar:
                    stream.codec_context.sample_aspect_ratio = sar
                if tags:
                    context = stream.codec_context
                    context.color_primaries, context.color_trc = tags[:2]
                    context.colorspace, context.color_range = tags[2:]
                if rotation:
                    stream.set_display_rotation(rotation)
                if chapters:
                    out.set_chapters(
                        [
                            {"id": i, "start": i * 100, "end": i * 100 + 100, "time_base": Fraction(1, 1000)}
                            | {"metadata": {}}
                            for i in range(chapters)
                        ]
                    )
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24" if rgb.dtype == np.uint8 else "rgb48le")
            frame.pts = round(times[index] * 1000) if times else index
            frame.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode(None))
        for sound in sounds:
            _write_tone(out, sound)
    return path


def _fast(codec: str) -> dict[str, str]:
    return {"preset": "ultrafast", "crf": "12", "threads": "1"} if codec == "libx264" else {}


def _write_tone(out: Any, sound: Any) -> None:
    for index in range(4):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, index * 1024
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))


@pytest.fixture(scope="session", name="write_video")
def _write_video() -> Callable[..., Path]:
    """`write_video(path, frames, **how)`."""
    return write_video


@pytest.fixture(scope="session", name="shot")
def _shot() -> Callable[..., list[np.ndarray]]:
    """`shot(seed, frames, size=(96, 64))`."""
    return shot


@pytest.fixture
def three_shots(tmp_path: Path) -> Path:
    """Shots of 20, 30 and 40 frames at 25 frames a second, 3.6 seconds."""
    return write_video(tmp_path / "three.mp4", [*shot(1, 20), *shot(2, 30), *shot(3, 40)])


PlanRun = Callable[..., Path]


@pytest.fixture
def plan_run(tmp_path: Path) -> PlanRun:
    """`plan_run(source, [20, 30], [[], [call("cas")]])`: a run folder with shots of so many frames and calls."""

    def made(source: Path, lengths: Sequence[int], calls: Sequence[Sequence[ToolCall]]) -> Path:
        video = probe(source)
        reader = FrameReader(source, video.rate)
        times = [frame.time for frame in reader] + [reader.end]
        firsts = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
        assert firsts[-1] == len(times) - 1, "the lengths are not those of the source"
        shots = [
            Shot(index=n, start=times[at], end=times[behind], first_frame=at, frames=behind - at)
            for n, (at, behind) in enumerate(pairwise(firsts))
        ]
        run = tmp_path / f"run-{source.name}"
        run.mkdir(exist_ok=True)
        record = RunRecord(video=video, mark=mark(Source(source)), settings=AnalysisSettings())
        seen = Timeline(video=video, shots=tuple(ShotAnalysis(shot=one, frames=()) for one in shots))
        plans = tuple(
            ShotPlan(shot=one.index, start=one.start, end=one.end, calls=tuple(todo))
            for one, todo in zip(shots, calls, strict=True)
        )
        plan = Plan(video=video.path, rules="", ffmpeg="", whole=Decision(), shots=plans)
        (run / "run.json").write_text(record.model_dump_json())
        (run / "timeline.json").write_text(seen.model_dump_json())
        (run / "plan.json").write_text(plan.model_dump_json())
        return run

    return made


def tool_call(name: str, **parameters: float) -> ToolCall:
    tool = TOOLS[name]
    return ToolCall(
        tool=name,
        step=tool.step,
        parameters=tool.filled(parameters),
        strength=Severity.MODERATE,
        rule="by-hand",
        why="",
    )


@pytest.fixture(scope="session", name="call")
def _call() -> Callable[..., ToolCall]:
    """`call("hqdn3d", luma=4)`."""
    return tool_call


@pytest.fixture(scope="session")
def ffmpeg() -> Runner:
    return load_runner()


class ByBrightness:
    """Calls dark pictures underexposed and bright ones overexposed, by their pixels; `asked` has their names."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, pictures: Sequence[Picture]) -> list[Outcome]:
        self.asked += [Path(picture.path).name for picture in pictures]
        return [self._outcome(picture) for picture in pictures]

    def _outcome(self, picture: Picture) -> Outcome:
        mean = float(picture.rgb.mean())
        whole = Box.of(0, 0, 1000, 1000)
        found = []
        if mean < 80:
            found.append((DistortionType.UNDEREXPOSURE, Severity.SEVERE))
        if mean > 170:
            found.append((DistortionType.OVEREXPOSURE, Severity.MODERATE))
        findings = tuple(Finding(type=t, severity=s, box=whole, key=True) for t, s in found)
        level = Level.POOR if findings else Level.GOOD
        diagnosis = Diagnosis(content="A picture.", findings=findings, level=level)
        return Outcome(
            image=picture.path,
            width=picture.width,
            height=picture.height,
            diagnosis=diagnosis,
            score=5 - mean / 100,
        )


@pytest.fixture
def by_brightness() -> ByBrightness:
    return ByBrightness()
