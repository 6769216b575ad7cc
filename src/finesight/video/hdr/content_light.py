"""MaxCLL and MaxFALL, measured on every pixel of every frame: before encoding by shots, and in a file that is there.

By CTA-861.3 (annex P): of each pixel the largest of its colours counts, in nits; MaxCLL is the brightest pixel,
MaxFALL the highest mean of a frame. What is measured before encoding has been through 4:2:0 and back, as all that a
screen gets has: edges of strong colours come out of that brighter than they went in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finesight.errors import InputError
from finesight.schema.hdr import ContentLight
from finesight.schema.plan import Plan, ShotPlan
from finesight.schema.video import Frozen, Shot, Video
from finesight.video.chunks import filters_of, key_of, reading, with_files
from finesight.video.encoding import hdr10_format
from finesight.video.ffmpeg import Runner
from finesight.video.hdr.pq import nits_of_pq
from finesight.video.journal import Journal
from finesight.video.making import Watch
from finesight.video.work import Work, resizing

JOURNAL = "hdr_light.jsonl"
_LARGEST = "extractplanes=r+g+b[r][g][b];[r][g]blend=all_mode=lighten[m];[m][b]blend=all_mode=lighten,format=gray16le"
_DECODED = "zscale=matrix=gbr:range=full,format=gbrp16le"


class ShotContent(Frozen):
    """A shot that has been measured. key: of what came out of it."""

    key: str
    light: ContentLight


def planned_light(work: Work, plan: Plan, watch: Watch = lambda done, of: None) -> ContentLight:
    """The light of what a plan makes, before anything is encoded; shots that have been measured are not again.

    Raises:
        InputError: frames do not come out as they should.
    """
    total = len(work.pace.ticks)
    with Journal(work.run / JOURNAL, ShotContent) as journal:
        known = {one.key: one.light for one in journal.records}
        found = []
        done = 0
        for one, shot in zip(work.timeline.shots, plan.shots, strict=True):
            commands = _commands(work, one.shot, shot)
            key = key_of(commands[0], work.mark, work.runner.version)
            if key not in known:
                watch(done, total)
                known[key] = _measured(work, one.shot, shot, commands)
                journal.append([ShotContent(key=key, light=known[key])])
            found.append(known[key])
            done += one.shot.frames
    watch(total, total)
    return together(found)


def decoded_light(
    file: Path, video: Video, runner: Runner, watch: Watch = lambda done, of: None
) -> ContentLight:
    """The light of an HDR10 file, as a screen gets it.

    Raises:
        InputError: it cannot be decoded.
    """
    words = ["-noautorotate", "-i", f"file:{file}", "-map", "0:v:0", "-vf", f"{_DECODED},{_LARGEST}"]
    total = video.duration * video.rate
    found = []
    for done, frame in enumerate(runner.frames([*words, *_raw()], 2 * video.width * video.height), 1):
        found.append(of_frame(np.frombuffer(frame, np.uint16)))
        watch(done, max(total, done))
    return together(found)


def together(lights: Iterable[ContentLight]) -> ContentLight:
    """The brightest of several."""
    listed = list(lights)
    return ContentLight(
        max_cll=max((one.max_cll for one in listed), default=0.0),
        max_fall=max((one.max_fall for one in listed), default=0.0),
    )


def of_frame(largest: NDArray[np.uint16]) -> ContentLight:
    """The light of a frame. largest: of the colours of each pixel, PQ signal 0..65535."""
    counts = np.bincount(largest, minlength=65536)
    top = int(np.flatnonzero(counts)[-1])
    nits = _nits()
    return ContentLight(max_cll=float(nits[top]), max_fall=float(counts @ nits / largest.size))


def _measured(work: Work, shot: Shot, plan: ShotPlan, commands: Sequence[tuple[str, ...]]) -> ContentLight:
    video = work.timeline.video
    larger = prod(call.parameters.get("factor", 2.0) ** 2 for call in resizing(work, plan))
    size = 2 * video.width * video.height * int(larger)
    for command in commands:
        told = with_files(command, source=str(work.source))
        lights = [of_frame(np.frombuffer(frame, np.uint16)) for frame in work.runner.frames(told, size)]
        if len(lights) == shot.frames:
            return together(lights)
    raise InputError(
        f"{work.source}: shot {shot.index}: {len(lights)} frames came out of {shot.frames} to be measured; "
        "its file is damaged there"
    )


def _commands(work: Work, shot: Shot, plan: ShotPlan) -> list[tuple[str, ...]]:
    """What gives the frames of a shot: from near it, and from the beginning of the file if that fails."""
    pace = work.pace
    begin, end = shot.first_frame, shot.first_frame + shot.frames
    filters = filters_of(plan.calls, work.tools, work.timeline.video)
    layout = f"format={hdr10_format(work.timeline.video)}"
    trim = f"trim=start_pts={pace.tick(begin)}:end_pts={pace.tick(end)}"
    graph = ",".join((trim, filters, layout, _DECODED, _LARGEST))
    told = ("-vf", graph, "-fps_mode", "passthrough", *_raw())
    both = ((*reading(pace, begin, work.layout.video, seek), *told) for seek in (True, False))
    return list(dict.fromkeys(both))


def _raw() -> tuple[str, ...]:
    return "-f", "rawvideo", "-pix_fmt", "gray16le", "pipe:1"


@cache
def _nits() -> NDArray[np.float64]:
    return nits_of_pq(np.arange(65536) / 65535)
