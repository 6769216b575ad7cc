"""What a run is processed with, and what that makes of a plan: the chunks and their commands. Nothing is encoded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from finesight.data.stages import Source, mark
from finesight.errors import ConfigError, InputError
from finesight.schema.hdr import ContentLight
from finesight.schema.plan import Plan, ShotPlan, Step, ToolCall
from finesight.schema.video import Timeline
from finesight.video.assembly import Layout, joining, layout_of, left_out, output_name
from finesight.video.chunks import Chunk, chunks_of, command_of, key_of
from finesight.video.encoding import Encoding, encoding_of, hdr10_of
from finesight.video.ffmpeg import Runner
from finesight.video.folder import read_record, read_timeline
from finesight.video.making import Order, Watch
from finesight.video.pace import Pace, pace_of
from finesight.video.settings import ProcessSettings
from finesight.video.tool import Tool

FOLDER, PACE = "processed", "pace.json"


class Work(NamedTuple):
    """What does not change while a run is processed.

    folder_name: in the run folder, where it is processed. light: of HDR, which is tagged with it.
    """

    run: Path
    source: Path
    timeline: Timeline
    mark: str
    pace: Pace
    layout: Layout
    tools: Mapping[str, Tool]
    settings: ProcessSettings
    runner: Runner
    folder_name: str = FOLDER
    light: ContentLight | None = None

    @property
    def folder(self) -> Path:
        return self.run / self.folder_name

    @property
    def record(self) -> Path:
        """What is told of the output."""
        return self.run / f"{self.folder_name}.json"

    @property
    def output(self) -> Path:
        return self.folder / output_name(self.timeline.video)


def begin(
    run: Path,
    tools: Mapping[str, Tool],
    runner: Runner,
    settings: ProcessSettings | None = None,
    source: Path | None = None,
    watch: Watch = lambda done, of: None,
) -> Work:
    """What a run is processed with, read from its folder and from the source.

    Args:
        source: where the file is, if not where it was analysed. watch: hears how far the times of its frames are
            read, in seconds of the video.

    Raises:
        InputError: no analysis, or the file is not there or not the one that was analysed.
    """
    timeline, record = read_timeline(run), read_record(run)
    video = source or Path(timeline.video.path)
    found = mark(Source(video))
    if found != record.mark:
        what = "is not there" if not video.is_file() else "is not the file that was analysed"
        raise InputError(f"{video}: {what}; name it with --source, or analyse it into another folder")
    length = timeline.video.duration
    kept = run / FOLDER / PACE
    pace = pace_of(video, found, timeline.video.rate, kept, lambda seconds: watch(seconds, length))
    counted = sum(one.shot.frames for one in timeline.shots)
    if counted != len(pace.ticks):
        raise InputError(
            f"{video}: {len(pace.ticks)} frames are decoded and the analysis had {counted}; "
            "analyse it again into another folder"
        )
    chosen = settings or ProcessSettings()
    return Work(run, video, timeline, found, pace, layout_of(video), tools, chosen, runner)


def orders_of(work: Work, plan: Plan) -> list[Order]:
    """The chunks of a plan, with their commands.

    Raises:
        ConfigError: the plan is of another analysis, calls a tool that is not there, or changes the size of some
            shots only.
    """
    shots = [one.shot for one in work.timeline.shots]
    if [one.shot for one in plan.shots] != [shot.index for shot in shots]:
        raise ConfigError(
            f"{work.run}: the plan is of other shots; `finesight video plan {work.run}` makes it"
        )
    _check_tools(work, plan)
    encoding = encoding_for(work, plan)
    chunks = chunks_of(shots, plan.shots, work.tools, work.timeline.video, work.pace, work.settings)
    return [_order(work, chunk, encoding) for chunk in chunks]


def _order(work: Work, chunk: Chunk, encoding: Encoding) -> Order:
    stream = work.layout.video
    commands = [command_of(chunk, work.pace, encoding, stream, seek) for seek in (True, False)]
    key = key_of(commands[0], work.mark, work.runner.version)
    return Order(key, chunk, tuple(dict.fromkeys(commands)))


def encoding_for(work: Work, plan: Plan) -> Encoding:
    """How all chunks of a plan are encoded."""
    video = work.timeline.video
    if work.light:
        return hdr10_of(video, work.settings, work.light)
    whole = all(any(call.step is Step.DEINTERLACE for call in shot.calls) for shot in plan.shots)
    return encoding_of(video, work.settings, video.interlaced and not whole)


def _check_tools(work: Work, plan: Plan) -> None:
    for shot in plan.shots:
        if unknown := [call.tool for call in shot.calls if call.tool not in work.tools]:
            raise ConfigError(
                f"{work.run}: the plan of shot {shot.shot} calls {unknown[0]!r}, which is no tool here; "
                "give the file of rules that names it (--rules)"
            )
    sizes = {
        tuple(work.tools[c.tool].graph(c.parameters) for c in resizing(work, shot)) for shot in plan.shots
    }
    if len(sizes) > 1:
        raise ConfigError(
            f"{work.run}: shots would have different sizes ({'; '.join(map(str, sizes))}); tools that resize "
            'go into a rule with scope = "video"'
        )


def resizing(work: Work, shot: ShotPlan) -> list[ToolCall]:
    """The calls of a shot that change its size."""
    return [call for call in shot.calls if work.tools[call.tool].resizes]


def assembly_of(work: Work) -> tuple[str, ...]:
    """The command that joins the chunks, with {list}, {source} and {output} for the files."""
    return joining("{list}", "{source}", "{output}", work.timeline.video, work.layout, work.pace)


def notes_of(work: Work, encoding: Encoding) -> tuple[str, ...]:
    """What was assumed, and what is not kept."""
    colour = work.timeline.video.colour
    taken = ", ".join(f"{name} {getattr(colour, name)}" for name in colour.assumed)
    assumed = (f"its colour tags are not all there; taken and written: {taken}",) if taken else ()
    return (*assumed, *encoding.notes, *left_out(work.layout))
