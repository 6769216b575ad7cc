"""What the call of each shipped rule gains: pictures with one known flaw, treated, against the clean ones.

    python benchmarks/video_rules.py PHOTO... [--rules FILE] [--seed 0] [--json]

Each flaw is made by `finesight.data.synthesise` all over short pans across the photographs. Figures are the mean PSNR
of luma in dB before, and how much the call raises it; flaws that the rules leave alone have none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from finesight.data.synthesise import DISTORTIONS
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.schema.video import Colour, SampledFrame, Shot, ShotAnalysis, Timeline, Video, VideoFinding
from finesight.video.ffmpeg import Runner, load_runner
from finesight.video.graph import graph_of
from finesight.video.planning import Offer, plan
from finesight.video.rule_files import load_rules
from finesight.video.rules import RuleSet

Frames = NDArray[np.uint8]
WIDTH, HEIGHT, FRAMES, STEP_PX = 448, 320, 8, 4
TAGS = Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv")


class Gain(NamedTuple):
    """Mean over the photographs. rule: that decided; graph: what it called; before, gain: dB."""

    type: DistortionType
    severity: Severity
    rule: str
    graph: str
    before: float
    gain: float | None


def pan(photo: Path) -> Frames:
    """Frames (frames, HEIGHT, WIDTH, 3) of a window that moves to the right."""
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise SystemExit(f"{photo}: is not a picture; name photographs")
    wide = WIDTH + STEP_PX * (FRAMES - 1)
    scale = max(wide / picture.shape[1], HEIGHT / picture.shape[0])
    size = (max(wide, round(picture.shape[1] * scale)), max(HEIGHT, round(picture.shape[0] * scale)))
    fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.stack([fitted[:HEIGHT, x : x + WIDTH] for x in range(0, STEP_PX * FRAMES, STEP_PX)])


def decided(rules: RuleSet, type_: DistortionType, severity: Severity) -> tuple[str, str]:
    """The rule that decides about a flaw that fills a shot, and the filters it calls."""
    whole = Box.of(0, 0, 1000, 1000)
    finding = VideoFinding(
        id="f", type=type_, severity=severity, share=1, box=whole, key=True, start=0, end=1
    )
    frame = SampledFrame(frame=0, time=0, diagnosis=Diagnosis(content="", level=None))
    shot = Shot(index=0, start=0, end=1, first_frame=0, frames=25)
    video = Video(
        path="", bytes=0, container="", codec="", width=WIDTH, height=HEIGHT, pixel_format="yuv420p",
        bit_depth=8, duration=1, rate=25, colour=TAGS,
    )  # fmt: skip
    seen = Timeline(video=video, shots=(ShotAnalysis(shot=shot, frames=(frame,), findings=(finding,)),))
    (made,) = plan(seen, rules, Offer("any")).shots
    return ", ".join(one.rule for one in made.fired), graph_of(made.calls, rules.tools, TAGS)


def gains(photos: list[Path], rules: RuleSet, seed: int, runner: Runner) -> Iterator[Gain]:
    pans = [pan(photo) for photo in photos]
    for type_ in DistortionType:
        for severity in Severity:
            rule, graph = decided(rules, type_, severity)
            before, after = [], []
            for n, clean in enumerate(pans):
                flawed = _flawed(clean, type_, severity, seed + 1000 * n)
                before.append(_psnr(_yuv(flawed), _yuv(clean)))
                if graph:
                    after.append(_psnr(_treated(_yuv(flawed), graph, runner), _yuv(clean)))
            gain = float(np.mean(after) - np.mean(before)) if after else None
            yield Gain(type_, severity, rule, graph, float(np.mean(before)), gain)


def _flawed(clean: Frames, type_: DistortionType, severity: Severity, seed: int) -> Frames:
    """The same flaw in each frame; noise is another one each time, as a sensor's is."""
    diagonal = float(np.hypot(*clean.shape[1:3]))
    moving = type_ is DistortionType.NOISE
    frames = [
        DISTORTIONS[type_].apply(f, severity, np.random.default_rng(seed + (n if moving else 0)), diagonal)
        for n, f in enumerate(clean)
    ]
    return np.stack(frames)


def _yuv(rgb: Frames) -> Frames:
    return np.stack([cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2YUV_I420) for f in rgb])


def _treated(yuv: Frames, graph: str, runner: Runner) -> Frames:
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
    source = [*raw, "-s", f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", "-"]
    ran = runner.run([*source, "-vf", graph, *raw, "-"], yuv.tobytes())
    if ran.code or len(ran.out) != yuv.nbytes:
        raise SystemExit(f"{graph}: {ran.said}")
    return np.frombuffer(ran.out, np.uint8).reshape(yuv.shape)


def _psnr(a: Frames, b: Frames) -> float:
    error = np.mean((a[:, :HEIGHT].astype(np.float32) - b[:, :HEIGHT]) ** 2)
    return float(10 * np.log10(255**2 / error))


def _table(found: list[Gain]) -> Table:
    table = Table("flaw", "severity", "rule", "dB before", "gain")
    for one in found:
        gain = "left" if one.gain is None else f"{one.gain:+.2f}"
        table.add_row(one.type, one.severity, one.rule, f"{one.before:.2f}", gain)
    return table


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args(arguments)
    found = list(gains(given.photos, load_rules(given.rules), given.seed, load_runner()))
    if given.as_json:
        rows: list[dict[str, Any]] = [one._asdict() for one in found]
        print(json.dumps(rows))
    else:
        Console().print(_table(found))


if __name__ == "__main__":
    main()
