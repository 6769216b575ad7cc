"""VMAF of frames, by models that do not reward enhancement, through ffmpeg's libvmaf.

The plain model v0.6.1 is not used: it gives 100 to a picture that was sharpened or given more contrast.

References: Z. Li et al., "Toward a better quality metric for the video community", Netflix Technology Blog, 2020
(NEG, "no enhancement gain"); Netflix/vmaf pull request 1544, 2026 (the v1.0.16 models for SDR).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from finesight.errors import InputError
from finesight.schema.verdict import Pooled
from finesight.schema.video import Shot, Video
from finesight.video.ffmpeg import Runner

PACE = 5
"""Of a long shot each fifth frame is scored, which takes a third of the time."""
LONG = 10 * PACE
"""Frames from which on a shot is long: ten of them are scored at least."""
_LOW = 0.05
_UHD_LINES = 1440
_SHORT_PX, _LONG_PX = 240, 320
"""Below about this size the v1 model has no scale left on which it could measure, and libvmaf fails."""
_LOG = "vmaf.json"
_NEEDED = "to judge takes an ffmpeg with libvmaf and its v1 models, as imageio-ffmpeg has it"

Scores = Mapping[int, float]
"""0..100 by number of the frame."""
Spans = Sequence[tuple[int, int]]


def models(lines: int) -> dict[str, str]:
    """The models for a video of so many lines, by the name under which they are told.

    All are for a screen seen from 3 times its height. Above 1440 lines the v1 model is that for 2160.
    """
    return {"neg": "vmaf_v0.6.1neg", "v1": "vmaf_v1.0.16_3d0h" + ("_2160" if lines > _UHD_LINES else "")}


def require_vmaf(runner: Runner) -> None:
    """See that an ffmpeg has what is needed, before hours are spent on what could not be judged.

    Raises:
        InputError: it has no libvmaf, or not these models.
    """
    for name, model in models(_UHD_LINES).items():
        size = f"{_LONG_PX}x{_SHORT_PX}"
        inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size},format=yuv420p,trim=end_frame=2"]
        graph = f"[0:v]split[a][b];[a][b]libvmaf=model=version={model}"
        ran = runner.run([*inputs, "-filter_complex", graph, "-f", "null", "-"])
        if ran.code != 0:
            words = ran.said.splitlines()[:1] or [f"exit code {ran.code}"]
            raise InputError(f"ffmpeg {runner.version}: cannot score by VMAF {name} ({words[0]}); {_NEEDED}")


def vmaf(
    source: Path, processed: Path, video: Video, runner: Runner, shots: Sequence[Shot]
) -> dict[str, dict[int, float]]:
    """Scores of frames that both files have, by model: of those of some shots, each of a short one and each
    fifth of a long one.

    Times do not count, and a processed picture of another size is brought to that of the source. Pictures too small
    for the models are enlarged, both alike.

    Args:
        video: the source. shots: of which frames are scored, in order.

    Raises:
        InputError: ffmpeg could not do it; with its words.
    """
    scores: dict[str, dict[int, float]] = {name: {} for name in models(video.height)}
    for pace in (1, PACE):
        spans = _spans([shot for shot in shots if pace == (PACE if shot.frames >= LONG else 1)])
        numbers = [number for begin, end in spans for number in range(begin, end)]
        for frame in _logged(source, processed, video, runner, spans, pace) if spans else ():
            for name, known in scores.items():
                known[numbers[frame["frameNum"]]] = float(frame["metrics"][name])
    return scores


def pooled(scores: Scores, shot: Shot) -> Pooled:
    """The scores of the frames of a shot in three numbers; all 0 where it has none.

    The harmonic mean is that of libvmaf, of scores + 1. The 5th percentile is a score that occurs, and not above the
    mean.
    """
    numbers = range(shot.first_frame, shot.first_frame + shot.frames)
    own = sorted(scores[number] for number in numbers if number in scores)
    if not own:
        return Pooled(harmonic=0, low=0, least=0)
    harmonic = len(own) / sum(1 / (score + 1) for score in own) - 1
    return Pooled(
        harmonic=round(harmonic, 3), low=round(own[floor(_LOW * len(own))], 3), least=round(own[0], 3)
    )


def _spans(shots: Sequence[Shot]) -> list[tuple[int, int]]:
    """First frame and the one behind the last of each stretch of shots."""
    spans: list[tuple[int, int]] = []
    for shot in shots:
        begin, end = shot.first_frame, shot.first_frame + shot.frames
        if spans and spans[-1][1] == begin:
            begin = spans.pop()[0]
        spans.append((begin, end))
    return spans


def _logged(
    source: Path, processed: Path, video: Video, runner: Runner, spans: Spans, pace: int
) -> list[dict[str, Any]]:
    """What libvmaf says of each frame that it scores, counted within the spans."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / _LOG
        ran = runner.run(_arguments(source, processed, video, log, spans, pace))
        try:
            frames: list[dict[str, Any]] = json.loads(log.read_bytes())["frames"]
        except (OSError, ValueError, KeyError) as error:
            words = ran.said.splitlines()[:1] or [str(error)]
            raise InputError(
                f"{processed}: cannot be compared with {source} by VMAF ({words[0]}); {_NEEDED}"
            ) from error
    return frames


def _arguments(source: Path, processed: Path, video: Video, log: Path, spans: Spans, pace: int) -> list[str]:
    depth = "yuv420p10le" if video.bit_depth > 8 else "yuv420p"
    chosen = "+".join(rf"between(n\,{begin}\,{end - 1})" for begin, end in spans)
    asked = "|".join(rf"version={model}\\:name={name}" for name, model in models(video.height).items())
    place = str(log).replace("\\", "/").replace(":", r"\\:")
    size = "{}:{}".format(*_size(video))
    same = f"select={chosen},settb=1/25,setpts=N,scale={size}:flags=bicubic,format={depth}"
    graph = (
        f"[0:V:0]{same}[p];[1:V:0]{same}[s];[p][s]libvmaf=shortest=1:model={asked}:n_subsample={pace}:"
        f"log_fmt=json:log_path={place}:n_threads={os.cpu_count() or 1}"
    )
    inputs = [word for path in (processed, source) for word in ("-noautorotate", "-i", _file(path))]
    return [*inputs, "-lavfi", graph, "-f", "null", "-"]


def _size(video: Video) -> tuple[int, int]:
    """The size at which pictures are compared: the source's, or a multiple."""
    short, long = sorted((video.width, video.height))
    times = max(1, ceil(_SHORT_PX / short), ceil(_LONG_PX / long))
    return times * video.width, times * video.height


def _file(path: Path) -> str:
    """The name as ffmpeg takes it for that of a file, whatever it is."""
    return f"file:{path.absolute()}"
