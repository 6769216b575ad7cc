"""How many times faster than it is shown a video goes through each stage of the chain, and in how much memory.

    python benchmarks/video.py CLIP [--seconds 60] [--side 720] [--jobs 1] [--minutes 0] [--hdr] [--json]

CLIP is shown again and again until it is so long, at that height, as H.264 with 25 frames a second. Each stage is a
process of its own, as a user starts it, from the start of Python on: analysis with a model that answers at once
(`scripted:`, which says that everything is a little noisy), processing by what the rules call for that, judging
without a model, and with --hdr HDR10. --minutes: another analysis of a video of that length, for its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.video.ffmpeg import load_runner

PROGRAM = "from finesight.ui.cli import main; main()"
FRAMES_LOOKED_AT = 600
"""More than the budget of an analysis."""


class Stage(NamedTuple):
    """speed: seconds of video a second; peak: of memory of the process and of those that it starts, each, in MB."""

    name: str
    seconds: float
    speed: float
    peak: float


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        here = Path(folder)
        film = lengthened(arguments.clip, here / "film.mp4", arguments.seconds, arguments.side)
        script = scripted(here / "model.jsonl")
        run = here / "run"
        stages = [
            staged("analysis, no model", arguments.seconds, "analyse", film, "--out", run, "--model", script),
            staged("plan", arguments.seconds, "plan", run),
            staged(
                "processing", arguments.seconds, "process", run, "--jobs", arguments.jobs, "preset=veryfast"
            ),
            staged("judging, no model", arguments.seconds, "compare", film, run / "processed/video.mp4"),
        ]
        if arguments.hdr:
            words = ("hdr", run, "--level", "D1", "--jobs", arguments.jobs, "preset=ultrafast")
            stages.append(staged("HDR10", arguments.seconds, *words))
        if arguments.minutes:
            length = 60 * arguments.minutes
            long = repeated(film, here / "long.mp4", length)
            name = f"analysis of {arguments.minutes} min"
            stages.append(staged(name, length, "analyse", long, "--out", here / "long", "--model", script))
    show(stages, arguments)
    if arguments.json:
        print(json.dumps({stage.name: stage._asdict() for stage in stages}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--side", type=int, default=720, help="lines of the video")
    parser.add_argument("--jobs", type=int, default=1, help="chunks at a time")
    parser.add_argument("--minutes", type=int, default=0, help="of a long video that is analysed too")
    parser.add_argument("--hdr", action="store_true", help="make HDR10 too")
    parser.add_argument("--scratch", type=Path, help="folder with room for the videos")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def lengthened(clip: Path, out: Path, seconds: int, lines: int) -> Path:
    """A clip shown again and again."""
    words = ["-stream_loop", "-1", "-i", str(clip), "-t", str(seconds), "-an"]
    words += [
        "-vf",
        f"scale=-2:{lines},fps=25,format=yuv420p",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "18",
    ]
    return made(clip, words, out)


def repeated(film: Path, out: Path, seconds: int) -> Path:
    """A film shown again and again, as it is coded."""
    words = ["-stream_loop", "-1", "-i", str(film), "-t", str(seconds), "-c", "copy"]
    return made(film, words, out)


def made(of: Path, words: list[str], out: Path) -> Path:
    """What ffmpeg makes of a file."""
    ran = load_runner().run(["-y", *words, str(out)])
    if ran.code:
        raise SystemExit(f"{of}: {ran.said}")
    return out


def scripted(path: Path) -> str:
    """A model that says of every frame that it is a little noisy."""
    noisy = Finding(
        type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(0, 0, 1000, 1000), key=True
    )
    said = render_assess(Diagnosis(content="A film.", findings=(noisy,), level=Level.GOOD))
    path.write_text((json.dumps({"answer": said}) + "\n") * FRAMES_LOOKED_AT)
    return f"scripted:{path}"


def staged(name: str, length: float, *words: object) -> Stage:
    """A stage as a command of its own."""
    command = [sys.executable, "-c", PROGRAM, "video", *map(str, words)]
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - started
    if child.returncode not in (0, 3):  # 3: a verdict that rejects
        raise SystemExit(f"{name} failed: {said}")
    return Stage(name, round(took, 2), round(length / took, 2), round(used.ru_maxrss / 1024, 0))


def show(stages: list[Stage], arguments: argparse.Namespace) -> None:
    title = f"{arguments.seconds} s at {arguments.side} lines, {os.cpu_count()} cores"
    table = Table("stage", "seconds", "x real time", "peak MB", title=title)
    for stage in stages:
        table.add_row(stage.name, f"{stage.seconds:.1f}", f"{stage.speed:.1f}", f"{stage.peak:.0f}")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
