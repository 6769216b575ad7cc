"""Gathers what a verdict is made from. What was measured is kept by the files, the shots and the ffmpeg it is of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

import finesight
from finesight.data.atomic import write_text
from finesight.data.stages import Source, mark
from finesight.schema.plan import Plan
from finesight.schema.verdict import Change, Evidence, Improvement, Pooled, ShotEvidence, Structure
from finesight.schema.video import Frozen, Shot, ShotAnalysis, Timeline, VideoFinding
from finesight.video.ffmpeg import Runner
from finesight.video.pairs import compare
from finesight.video.pooling import pool_shot
from finesight.video.settings import AnalysisSettings
from finesight.video.sound import lateness
from finesight.video.vmaf import pooled, vmaf

FOLDER = "evidence"
Watch = Callable[[str, float, float], object]


class Measured(Frozen):
    """What two files come to, however judged. late: as of `Evidence`; scores: of frames by model and number."""

    schema_version: Literal[2] = 2
    source: Structure
    processed: Structure
    late: tuple[float | None, ...]
    shots: tuple[Shot, ...]
    changes: tuple[Change, ...]
    scores: Mapping[str, Mapping[int, float]]


def measure_pair(
    source: Path,
    processed: Path,
    runner: Runner,
    shots: Sequence[Shot] = (),
    cache: Path | None = None,
    watch: Watch = lambda what, done, total: None,
    scored: Sequence[Shot] | None = None,
) -> Measured:
    """Measure a processed file against its source, or give what was measured of the same two before.

    Args:
        shots: of the source; without any the whole file is one.
        cache: folder in which it is kept; None keeps nothing.
        watch: is told what is done, how much of it, and of how much.
        scored: those of the shots that are scored by VMAF, which takes the longest; None means all.

    Raises:
        VideoError: one of them is no video. InputError: this ffmpeg has no VMAF.
    """
    kept = (
        None if cache is None else cache / FOLDER / f"{_key(source, processed, runner, shots, scored)}.json"
    )
    if kept is not None and (before := _read(kept)):
        return before
    pair = compare(source, processed, shots, lambda done, total: watch("comparing frames", done, total))
    starts = pair.source.first, pair.processed.first
    tracks = range(min(len(pair.source.audio), len(pair.processed.audio)))
    late = tuple(lateness(source, processed, track, starts) for track in tracks)
    watch("VMAF", 0, 0)
    scores = vmaf(source, processed, pair.source.video, runner, pair.shots if scored is None else scored)
    known = Measured(**pair._asdict(), late=late, scores=scores)
    if kept is not None:
        with suppress(OSError):  # what cannot be kept is measured again
            write_text(kept, known.model_dump_json() + "\n")
    return known


def evidence(
    measured: Measured,
    plan: Plan | None = None,
    before: Timeline | None = None,
    after: Timeline | None = None,
) -> Evidence:
    """What was measured, beside what was called and what was found. Pure.

    Args:
        plan: what was called for each shot; without one, nothing was.
        before, after: analyses of the source and of the processed file. Findings count where both are given.
    """
    seen = {shot.shot.index: shot for shot in before.shots} if before and after else {}
    looked = {shot.index: _looked(shot, seen, after) for shot in measured.shots}
    scored = {shot.index for shot in measured.shots}
    return gathered(measured, plan, {index: one for index, one in looked.items() if one}, scored)


def gathered(
    measured: Measured, plan: Plan | None, looked: Mapping[int, Improvement], scored: Collection[int]
) -> Evidence:
    """What was measured, beside what was called and what was found. Pure.

    Args:
        looked: findings before and after, by number of the shot. scored: numbers of the shots that have VMAF.
    """
    planned = {shot.shot: shot.calls for shot in plan.shots} if plan else {}
    return Evidence(
        source=measured.source,
        processed=measured.processed,
        late=measured.late,
        whole=plan.whole.calls if plan else (),
        shots=tuple(
            ShotEvidence(
                shot=shot,
                calls=planned.get(shot.index, ()),
                change=change,
                fidelity=_fidelity(measured, shot) if shot.index in scored else {},
                improvement=looked.get(shot.index),
            )
            for shot, change in zip(measured.shots, measured.changes, strict=True)
        ),
    )


def findings_at(timeline: Timeline, shot: Shot) -> ShotAnalysis:
    """A shot of one analysis with the frames that another one has looked at within its time."""
    settings = AnalysisSettings()
    frames = [f for one in timeline.shots for f in one.frames if shot.start <= f.time < shot.end]
    return pool_shot(shot, frames, settings.present, settings.percentile)


def _fidelity(measured: Measured, shot: Shot) -> dict[str, Pooled]:
    return {name: pooled(scores, shot) for name, scores in measured.scores.items()}


def _looked(shot: Shot, seen: Mapping[int, ShotAnalysis], after: Timeline | None) -> Improvement | None:
    if after is None or not seen:
        return None
    before = seen.get(shot.index)
    now = findings_at(after, shot)
    return Improvement(before=found(before) if before else None, after=found(now))


def found(one: ShotAnalysis) -> tuple[VideoFinding, ...] | None:
    """The findings of a shot; None where no frame of it has a diagnosis."""
    return one.findings if any(frame.diagnosis for frame in one.frames) else None


def _key(
    source: Path, processed: Path, runner: Runner, shots: Sequence[Shot], scored: Sequence[Shot] | None
) -> str:
    told = [mark(Source(source)), mark(Source(processed)), str(source), str(processed), runner.version]
    told += [finesight.__version__, *(shot.model_dump_json() for shot in shots)]
    told += [] if scored is None else ["scored", *(str(shot.index) for shot in scored)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _read(path: Path) -> Measured | None:
    try:
        return Measured.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
