"""A run to HDR10: its light measured, conversions chosen, made from the source in one go, and checked by decoding.

luts/            the tables of the conversions
hdr_light.jsonl  a line a shot, its MaxCLL and MaxFALL
hdr/             chunks and output, as in processed/
hdr.json         how they were made
hdr_result.json  what was chosen, and whether it holds
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from pydantic import ValidationError

import finesight
from finesight.data.atomic import write_text
from finesight.data.images import load_picture
from finesight.data.light import measure, middle
from finesight.errors import ConfigError, InputError
from finesight.schema.hdr import (
    ContentLight,
    Conversions,
    FrameLight,
    HdrResult,
    Level,
    ShotLight,
    VideoLight,
)
from finesight.schema.plan import Plan
from finesight.schema.video import ShotAnalysis, Timeline
from finesight.video.analyse import Watch
from finesight.video.colour import HDR_TRANSFERS
from finesight.video.hdr.content_light import planned_light
from finesight.video.hdr.faces import Faces, detected
from finesight.video.hdr.levels import conversions, level_of, pooled
from finesight.video.hdr.tools import tools_of, with_conversions
from finesight.video.hdr.verify import Plane, checks, inspect, thumb
from finesight.video.making import digest
from finesight.video.process import Process
from finesight.video.work import Work

FOLDER, RESULT = "hdr", "hdr_result.json"


class Decided(NamedTuple):
    """A level that the rules do not decide. by: who does; why: what is said of it."""

    level: Level
    by: str
    why: str


Decide = Callable[[Timeline, VideoLight], Decided | None]
"""Asks a person or a model for the level; None leaves it to the rules."""


class Wanted(NamedTuple):
    """How a run is to become HDR. faces: who finds them. decide: who else than the rules decides the level."""

    faces: Faces = detected
    decide: Decide = lambda timeline, light: None


def measured(run: Path, timeline: Timeline, faces: Faces = detected) -> VideoLight:
    """The light of a run, by the pictures of its frames that analysis has kept.

    Raises:
        InputError: a picture is not there any more. ConfigError: the video is HDR already.
    """
    check_is_sdr(timeline)
    return pooled([_shot(run, one, faces) for one in timeline.shots])


def check_is_sdr(timeline: Timeline) -> None:
    """
    Raises:
        ConfigError: the video is HDR already.
    """
    transfer = timeline.video.colour.transfer
    if transfer in HDR_TRANSFERS:
        raise ConfigError(
            f"{timeline.video.path}: is HDR already ({transfer}); --goal clean keeps it as it is"
        )


def chosen(run: Path, timeline: Timeline, wanted: Wanted) -> tuple[VideoLight, Conversions]:
    """The light of a run, and what every shot is converted with."""
    light = measured(run, timeline, wanted.faces)
    decided = wanted.decide(timeline, light)
    if decided is None:
        return light, conversions(light)
    return light, conversions(light, decided.level, decided.by, decided.why)


def convert(
    work: Work, plan: Plan, what: Conversions, jobs: int = 1, watch: Watch = lambda what, done, of: None
) -> HdrResult:
    """Make HDR10 of a run's source by a plan and conversions; hdr_result.json says what came of it.

    Killed at any moment and called again it goes on; where it had ended, the same result is given again.

    Args:
        plan: what else is done with each shot, before it is converted.

    Raises:
        InputError: another process works on the run, or frames do not come out as they should.
    """
    key = _key(work, plan, what)
    if (known := _known(work.run, key)) is not None:
        return known
    whole = with_conversions(plan, what)
    tools = {**work.tools, **tools_of((one.preset for one in what.shots), work.run)}
    work = work._replace(tools=tools, folder_name=FOLDER)
    light = planned_light(work, whole, lambda done, of: watch("measuring light", done, of))
    work = work._replace(light=light)
    with Process(work) as process:
        process.join(process.make(whole, jobs, lambda done, of: watch("encoding HDR10", done, of)))
    result = _judged(work, what, light, key, watch)
    write_text(work.run / RESULT, result.model_dump_json(indent=1) + "\n")
    return result


def read_result(run: Path) -> HdrResult:
    """What came of a run.

    Raises:
        InputError: nothing that can be read.
    """
    path = run / RESULT
    try:
        return HdrResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read ({told}); `finesight video hdr {run}` makes it") from error


def _shot(run: Path, one: ShotAnalysis, faces: Faces) -> ShotLight:
    frames = []
    for frame in one.frames:
        if frame.picture:
            rgb = load_picture(run / frame.picture).rgb
            light, seen = measure(rgb, faces(frame.frame, rgb))
            frames.append(FrameLight(frame=frame.frame, light=light, faces=seen))
    whole = middle([frame.light for frame in frames])
    return ShotLight(
        shot=one.shot.index,
        start=one.shot.start,
        end=one.shot.end,
        frames=tuple(frames),
        light=whole,
        level=level_of(whole) if whole else None,
    )


def _judged(work: Work, what: Conversions, light: ContentLight, key: str, watch: Watch) -> HdrResult:
    before = _before(work)
    found = inspect(work.output, work.runner, before, lambda done, of: watch("checking HDR10", done, of))
    judged = checks(found, len(work.pace.ticks), light, before)
    good = all(check.passed for check in judged)
    return HdrResult(
        key=key,
        source=str(work.source),
        conversions=what,
        light=light,
        decoded=found.light,
        checks=judged,
        output=f"{FOLDER}/{work.output.name}" if good else None,
        mark=digest(work.output),
    )


def _before(work: Work) -> dict[int, Plane]:
    """The brightness of a frame of each shot as analysis has kept it, turned back as the file stores it."""
    found = {}
    for one in work.timeline.shots:
        frame = next((f for f in one.frames if f.picture), None)
        if frame:
            grey = cv2.cvtColor(load_picture(work.run / frame.picture).rgb, cv2.COLOR_RGB2GRAY)
            turned = np.rot90(grey, work.timeline.video.rotation // 90)
            found[frame.frame] = thumb(np.ascontiguousarray(turned))
    return found


def _known(run: Path, key: str) -> HdrResult | None:
    """The result that there is already, if it is of the file that is there now."""
    try:
        known = read_result(run)
    except InputError:
        return None
    file = run / (known.output or "")
    there = known.output is None or (file.is_file() and digest(file) == known.mark)
    return known if known.key == key and there else None


def _key(work: Work, plan: Plan, what: Conversions) -> str:
    told = [
        work.mark,
        work.settings.model_dump_json(),
        what.model_dump_json(),
        *("".join(call.model_dump_json() for call in shot.calls) for shot in plan.shots),
        work.runner.version,
        finesight.__version__,
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
