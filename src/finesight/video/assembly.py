"""Chunks to one file: the new video beside the sound, subtitles, chapters, attachments and metadata of the source."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from finesight.data.pyav import load_av
from finesight.errors import InputError
from finesight.schema.video import Video
from finesight.video.ffmpeg import Runner
from finesight.video.making import PART, complaint_of_times
from finesight.video.opening import open_video
from finesight.video.pace import Pace, shown

_CONTAINER_UNITS = 1_000_000
_MICRO = 1_000_000


class Stream(NamedTuple):
    """A stream of the source.

    kind: video, audio, subtitle, attachment, data, or cover (a picture that is no video). disposition: as ffmpeg
    names it. name, type: of the file that a cover is.
    """

    number: int
    kind: str
    disposition: str = "0"
    name: str = ""
    type: str = ""

    @property
    def file(self) -> str:
        """By this name a cover is written, to be attached."""
        return f"cover{self.number}"


class Layout(NamedTuple):
    """What of a source goes beside the new video.

    video: the number of the stream that is replaced. start: seconds at which the container begins.
    """

    streams: tuple[Stream, ...]
    video: int
    start: float
    chapters: int


def layout_of(source: Path) -> Layout:
    """The streams of a file.

    Raises:
        VideoError: it is no video.
    """
    flags = load_av().stream.Disposition
    with open_video(source) as (container, video):
        found = []
        for stream in container.streams:
            named = [flag.name for flag in flags if flag.value and flag in stream.disposition]
            kind = "cover" if "attached_pic" in named else str(stream.type)
            told = (stream.metadata.get("filename", "cover"), stream.metadata.get("mimetype", ""))
            found.append(Stream(stream.index, kind, "+".join(named) or "0", *told))
        start = (container.start_time or 0) / _CONTAINER_UNITS
        return Layout(tuple(found), video.index, start, len(container.chapters()))


def output_name(video: Video) -> str:
    """The name of the output: in the source's container where that takes H.264 and H.265, else in Matroska."""
    if "mp4" in video.container:
        return "video.mov" if video.path.lower().endswith(".mov") else "video.mp4"
    return "video.mkv"


def listing(files: Sequence[str], firsts: Sequence[int], pace: Pace) -> str:
    """The list of chunks that ffmpeg joins, each with the time until the next one, in whole microseconds.

    Args:
        files: relative to the list. firsts: number of the first frame of each.
    """
    lines = ["ffconcat version 1.0"]
    begin = pace.tick(0)
    edges = [round((pace.tick(n) - begin) * pace.unit * _MICRO) for n in (*firsts, len(pace.ticks))]
    for file, (at, behind) in zip(files, pairwise(edges), strict=True):
        lines += [f"file '{file}'", f"duration {(behind - at) / _MICRO:.6f}"]
    return "\n".join(lines) + "\n"


def joining(
    listed: str, source: str, output: str, video: Video, layout: Layout, pace: Pace
) -> tuple[str, ...]:
    """What ffmpeg is told to join chunks and put the rest of the source beside them; nothing is encoded again."""
    matroska = output_name(video).endswith(".mkv")
    covers = covers_of(layout, video)
    kept = [stream for stream in layout.streams if stream.kind != "data" and stream not in covers]
    # Left to itself ffmpeg would let the source begin with the first of the streams that it takes, and lose the
    # distance of picture and sound.
    zero = 0.0 if _counts_from_zero(video) else layout.start
    words = ["-copyts"]
    words += ["-display_rotation:v:0", str(-video.rotation)] if video.rotation else []
    words += ["-itsoffset", f"{pace.seconds(0) - zero:.6f}", "-f", "concat", "-i", listed]
    words += ["-itsoffset", f"{-zero:.6f}", "-i", source]
    for stream in kept:
        words += ["-map", "0:v:0" if stream.number == layout.video else f"1:{stream.number}"]
    # What the container of the source held may go into one of its kind, also where that is new.
    words += ["-c", "copy", "-strict", "experimental", "-map_metadata", "1", "-map_chapters", "1"]
    for place, stream in enumerate(kept):
        words += [f"-map_metadata:s:{place}", f"1:s:{stream.number}"]
        if stream.kind != "attachment":
            words += [f"-disposition:{place}", stream.disposition]
    for place, cover in enumerate(covers, sum(stream.kind == "attachment" for stream in kept)):
        words += ["-attach", f"{{{cover.file}}}", f"-metadata:s:t:{place}", f"filename={cover.name}"]
        words += [f"-metadata:s:t:{place}", f"mimetype={cover.type}"]
    if not matroska:
        words += ["-video_track_timescale", str(pace.denominator), "-movflags", "+faststart"]
    form = "matroska" if matroska else Path(output_name(video)).suffix[1:]
    return (*words, "-fflags", "+bitexact", "-f", form, output)


def _counts_from_zero(video: Video) -> bool:
    """Whether times in this container are those of the film; in MPEG streams they begin anywhere."""
    return "mp4" in video.container or "matroska" in video.container


def covers_of(layout: Layout, video: Video) -> list[Stream]:
    """The covers that have to be attached as files: Matroska would take them for videos."""
    matroska = output_name(video).endswith(".mkv")
    return [stream for stream in layout.streams if stream.kind == "cover" and matroska]


def picture_of(source: Path, cover: Stream) -> bytes:
    """The file that a cover is."""
    with open_video(source) as (container, _):
        return next((bytes(packet) for packet in container.demux(container.streams[cover.number])), b"")


def left_out(layout: Layout) -> tuple[str, ...]:
    """What of the source is not carried over. Chapters of MP4 are a data stream too, and are written anew."""
    data = sum(stream.kind == "data" for stream in layout.streams) - bool(layout.chapters)
    return (f"{data} streams of data are not carried over",) if data > 0 else ()


def assemble(command: Sequence[str], part: Path, layout: Layout, pace: Pace, runner: Runner) -> None:
    """Run what `joining` says, and check what comes out: frames, their times, and the streams.

    Raises:
        InputError: it is not as it should be.
    """
    ran = runner.run(["-y", *command])
    if ran.code != 0 or not part.is_file():
        full = "No space left on device" in ran.said
        said = ran.said.splitlines()[-1] if ran.said else f"exit code {ran.code}"
        why = "the disk is full; free some of it and run it again, the chunks stay" if full else said
        raise InputError(f"{part}: the chunks could not be joined: {why}")
    came = shown(part).times
    wrong = f"{len(came)} frames instead of {len(pace.ticks)}" if len(came) != len(pace.ticks) else ""
    remedy = "this container cannot hold these times; put the source into Matroska first"
    with open_video(part) as (_, stream):
        unit = float(stream.time_base)
    kinds, wanted = (_kinds(one) for one in (layout_of(part), layout))
    wrong = wrong or complaint_of_times(came, pace, 0, max(unit, float(pace.unit)), remedy)
    if kinds != wanted:
        wrong = wrong or f"it has the streams {', '.join(kinds)} instead of {', '.join(wanted)}"
    if wrong:
        raise InputError(f"{part.name.removesuffix(PART)}: does not come out right: {wrong}")


def _kinds(layout: Layout) -> list[str]:
    return sorted(stream.kind for stream in layout.streams if stream.kind != "data")
