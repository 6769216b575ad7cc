"""A planned video to the chunks that it is encoded in, each a command of its own. Pure.

At a cut a shot stands alone: a tool that looks at frames around sees none of another shot, or brightness would be
led over cuts and ghosts of one shot would stand in the next. Inside a shot that is cut into several chunks it sees
them (handles), so that the shot comes out as if it were one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from finesight.schema.plan import ShotPlan, ToolCall
from finesight.schema.video import Shot, Video
from finesight.video.encoding import Encoding
from finesight.video.ffmpeg import BAR
from finesight.video.graph import cut, from_rgb, graph_of, tags_of
from finesight.video.pace import Pace
from finesight.video.settings import ProcessSettings
from finesight.video.tool import MARKS, Tool

FORMAT = 1
"""Of the commands below; another one makes other chunks of the same plan."""
SOURCE, CHUNK = "{source}", "{chunk}"
"""Stand for the two files in the words of a command."""
RAW = ("-c:v", "rawvideo", "-pix_fmt", "rgb24", "-f", "nut")
"""Frames as a model is given them."""


class Span(NamedTuple):
    """Frames of a shot by their numbers in the video."""

    shot: int
    first: int
    frames: int


class Chunk(NamedTuple):
    """Frames that are encoded together. before, after: handles, frames that tools see and that do not come out."""

    spans: tuple[Span, ...]
    filters: str
    before: int = 0
    after: int = 0

    @property
    def first(self) -> int:
        return self.spans[0].first

    @property
    def frames(self) -> int:
        return sum(span.frames for span in self.spans)

    @property
    def named(self) -> str:
        """Its shots, as people are told them."""
        one, other = self.spans[0].shot, self.spans[-1].shot
        return f"shot {one}" if one == other else f"shots {one} to {other}"


def filters_of(calls: Sequence[ToolCall], tools: Mapping[str, Tool], video: Video) -> str:
    """The filters of a shot; where the file lacks colour tags, what was assumed is said first in every shot.

    Behind a model, which makes RGB, stands what brings that back to the colours of the file.
    """
    before, model, behind = cut(graph_of(calls, tools, video.colour))
    graph = before
    if model:
        graph = ",".join(
            part for part in (before, MARKS.format(model), from_rgb(video.colour), behind) if part
        )
    if not video.colour.assumed or graph.startswith("setparams="):
        return graph
    return ",".join(part for part in (tags_of(video.colour), graph) if part)


def chunks_of(
    shots: Sequence[Shot],
    plans: Sequence[ShotPlan],
    tools: Mapping[str, Tool],
    video: Video,
    pace: Pace,
    settings: ProcessSettings,
) -> list[Chunk]:
    """The chunks of a video, in its order.

    Adjoining shots with the same filters share a chunk until it lasts `shortest` seconds, where no filter looks at
    frames around; a shot above `longest` seconds becomes several.
    """
    made: list[Chunk] = []
    open_ = False  # whether the last chunk may take in another shot
    for shot, plan in zip(shots, plans, strict=True):
        filters = filters_of(plan.calls, tools, video)
        radius = sum(tools[call.tool].radius for call in plan.calls)
        parts = list(_parts(shot, pace, settings.longest))
        if open_ and len(parts) == 1 and not radius and made[-1].filters == filters:
            made[-1] = made[-1]._replace(spans=(*made[-1].spans, parts[0]))
        else:
            made += [_chunk(part, shot, filters, radius) for part in parts]
        alone = len(parts) > 1 or radius > 0
        open_ = not alone and _seconds(made[-1], pace) < settings.shortest
    return made


def _parts(shot: Shot, pace: Pace, longest: float) -> Iterator[Span]:
    """The shot in as few parts as `longest` allows, of the same number of frames but for one."""
    end = shot.first_frame + shot.frames
    seconds = pace.seconds(end) - pace.seconds(shot.first_frame)
    count = min(shot.frames, max(1, ceil(seconds / longest)))
    edges = [shot.first_frame + shot.frames * n // count for n in range(count + 1)]
    for first, behind in pairwise(edges):
        yield Span(shot.index, first, behind - first)


def _chunk(part: Span, shot: Shot, filters: str, radius: int) -> Chunk:
    before = min(radius, part.first - shot.first_frame)
    after = min(radius, shot.first_frame + shot.frames - part.first - part.frames)
    return Chunk((part,), filters, before, after)


def _seconds(chunk: Chunk, pace: Pace) -> float:
    return pace.seconds(chunk.first + chunk.frames) - pace.seconds(chunk.first)


def command_of(
    chunk: Chunk, pace: Pace, encoding: Encoding, stream: int = 0, seek: bool = True
) -> tuple[str, ...]:
    """What ffmpeg is told, with SOURCE and CHUNK for the files.

    Frames are taken by the times that the file has for them, and keep their distances.

    Args:
        stream: of the video in the source. seek: begin near the chunk and not at the beginning of the file.
    """
    begin, end = chunk.first - chunk.before, chunk.first + chunk.frames + chunk.after
    before, model, behind = cut(chunk.filters)
    steps = [f"trim=start_pts={pace.tick(begin)}:end_pts={pace.tick(end)}"]
    steps += [before] if before else []
    if chunk.before or chunk.after:
        steps.append(f"trim=start_frame={chunk.before}:end_frame={chunk.before + chunk.frames}")
    steps.append("setpts=PTS-STARTPTS")
    paced = ("-fps_mode", "passthrough", "-enc_time_base", f"{pace.numerator}/{pace.denominator}")
    read = (*reading(pace, begin, stream, seek), "-map_metadata", "-1", "-map_chapters", "-1")
    read = (*read, "-vf", ",".join(steps), *paced)
    if model:
        given = (*read, *RAW, "pipe:1", BAR, model, BAR, "-copyts", "-f", "nut", "-i", "pipe:0")
        read = (*given, "-vf", behind or "null", *paced)
    return (
        *read,
        *encoding.options,
        *("-pix_fmt", encoding.pixel_format),
        *("-video_track_timescale", str(pace.denominator), "-fflags", "+bitexact"),
        *("-f", "mp4", CHUNK),
    )


def reading(pace: Pace, first: int, stream: int, seek: bool) -> tuple[str, ...]:
    """What ffmpeg is told so that it reads a video from its beginning, or from near a frame."""
    key = pace.before(first)
    sought = ("-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{pace.seconds(key):.6f}")
    return (
        *("-copyts", "-noautorotate"),
        *(sought if seek and key > 0 else ()),
        *("-i", SOURCE, "-map", f"0:{stream}"),
    )


def key_of(command: Sequence[str], mark: str, version: str) -> str:
    """What a chunk is told from all others by: content of the source, frames, filters, encoder and versions."""
    told = json.dumps([FORMAT, mark, version, *command])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def with_files(command: Sequence[str], **files: str) -> tuple[str, ...]:
    """A command with its files, source="in.mp4", chunk="out.mp4"; a colon in a name is part of it."""
    named = {f"{{{name}}}": f"file:{path}" for name, path in files.items()}
    return tuple(named.get(word, word) for word in command)
