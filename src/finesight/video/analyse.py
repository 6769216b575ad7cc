"""A video to a timeline: one pass over its frames, a model's diagnosis of some, and what that says of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2

import finesight
from finesight.data.atomic import write_bytes
from finesight.data.pyav import load_av
from finesight.data.stages import Source, mark
from finesight.errors import InputError
from finesight.schema.picture import Outcome
from finesight.schema.video import SampledFrame, ShotAnalysis, Timeline, Video
from finesight.video.budget import STORED, Seat, Shelf, first_look, seats, second_look
from finesight.video.colour import HDR_TRANSFERS
from finesight.video.folder import Candidate, RunFolder, RunRecord, ScannedShot, ScanTotals
from finesight.video.frames import Decoded, FrameReader, luma, upright
from finesight.video.pooling import frame_score, pool_shot, pool_video
from finesight.video.probe import probe
from finesight.video.scan import Scan, ShotFrames
from finesight.video.settings import AnalysisSettings
from finesight.video.showing import Diagnose, groups_of, outcomes_of
from finesight.video.signals import measure

Watch = Callable[[str, float, float], object]
"""Hears what is being done, how far it is, and of how much."""

# Level 1 with the filter "up" is the fastest of OpenCV's for photographs, and not the largest. By number, for older
# versions do not have the name of the filter; they pass over it.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, 19, 32)
_ENDS_EARLY_S, _ENDS_EARLY = 1.0, 0.02


def analyse(
    source: Path,
    run: Path,
    diagnose: Diagnose,
    settings: AnalysisSettings | None = None,
    model: str = "",
    weights: str = "",
    watch: Watch = lambda what, done, total: None,
) -> Timeline:
    """What is wrong with a video, shot by shot; `run` holds it then as timeline.json, with the frames looked at.

    Killed at any moment and called again it goes on: shots that have ended are not searched again, frames that have
    been diagnosed are not diagnosed again, and the result is that of an undisturbed run.

    Args:
        diagnose: asked for a batch of frames at a time, upright and at full resolution.
        model, weights: the model's name and what its files are told from others by; a run is of one model.

    Raises:
        VideoError: the file is no video. ConfigError: the folder is of another analysis.
    """
    chosen = settings or AnalysisSettings()
    video = probe(source)
    record = RunRecord(
        video=video,
        mark=mark(Source(source)),
        settings=chosen,
        model=model,
        weights=weights,
        versions={"finesight": finesight.__version__, "av": load_av().__version__, "opencv": cv2.__version__},
    )
    with RunFolder(run, record) as folder:
        timeline = folder.timeline
        if timeline is None:
            totals = folder.totals or _scan(source, video, folder, chosen, watch)
            timeline = _timeline(video, totals, folder, diagnose, chosen, watch)
            folder.finish(timeline)
        folder.keep_only(frame.frame for frame in folder.frames.records)
        return timeline


def _scan(
    source: Path, video: Video, folder: RunFolder, settings: AnalysisSettings, watch: Watch
) -> ScanTotals:
    """Read the video, and leave shots and pictures of the most important frames in the folder."""
    done = folder.shots.records
    shelf = _shelf(done, settings)
    reader = FrameReader(source, video.rate)
    scan = Scan(reader, video, settings, done[-1].shot if done else None)
    waiting: tuple[Future[ScannedShot], list[Seat]] | None = None
    # The pictures of a shot are written while the next one is being read; of no more than one, for memory's sake.
    with ThreadPoolExecutor(1, thread_name_prefix="pictures") as pool:
        for shot in scan:
            watch("reading", shot.shot.end, video.duration)
            _finish(waiting, folder)
            gone = shelf.add(_seats(shot))
            kept = {seat.frame for seat in shelf.seats if seat.shot == shot.shot.index}
            waiting = pool.submit(_look_at, shot, kept, video, folder), gone
        _finish(waiting, folder)
    if not folder.shots.records:
        raise InputError(f"{video.path}: no frame of it can be decoded; copy or download it again")
    totals = ScanTotals(
        frames=reader.frames,
        end=reader.end,
        damaged=reader.damaged,
        irregular=reader.irregular,
        held=scan.held,
    )
    folder.finish_scan(totals)
    return totals


def _shelf(shots: Iterable[ScannedShot], settings: AnalysisSettings) -> Shelf:
    shelf = Shelf(STORED * settings.budget)
    for one in shots:
        shelf.add(seats(one.shot, [c.frame for c in one.regular], [c.frame for c in one.spare]))
    return shelf


def _seats(shot: ShotFrames) -> list[Seat]:
    return seats(shot.shot, [f.ordinal for f in shot.regular], [f.ordinal for f in shot.spare])


def _finish(waiting: tuple[Future[ScannedShot], list[Seat]] | None, folder: RunFolder) -> None:
    """Note a shot once all of its pictures are there, and only then take away those that it has displaced."""
    if waiting:
        shot, gone = waiting
        folder.shots.append([shot.result()])
        for seat in gone:
            folder.picture(seat.frame).unlink(missing_ok=True)


def _look_at(shot: ShotFrames, kept: set[int], video: Video, folder: RunFolder) -> ScannedShot:
    """Measure a shot's frames and write the pictures of those that are kept."""
    for frame in (*shot.regular, *shot.spare):
        if frame.ordinal in kept:
            bgr = cv2.cvtColor(upright(frame.frame, video.colour), cv2.COLOR_RGB2BGR)
            write_bytes(folder.picture(frame.ordinal), cv2.imencode(".png", bgr, _PNG)[1].tobytes())

    def measured(frame: Decoded) -> Candidate:
        signals = measure(luma(frame.frame, video.colour))
        return Candidate(frame=frame.ordinal, time=frame.time, signals=signals)

    return ScannedShot(
        shot=shot.shot,
        signals=shot.signals,
        regular=tuple(map(measured, shot.regular)),
        spare=tuple(Candidate(frame=f.ordinal, time=f.time) for f in shot.spare),
    )


def _timeline(
    video: Video,
    totals: ScanTotals,
    folder: RunFolder,
    diagnose: Diagnose,
    settings: AnalysisSettings,
    watch: Watch,
) -> Timeline:
    """Have the frames diagnosed, those of the worst shots again, and pool what was seen."""
    stored = _shelf(folder.shots.records, settings).seats
    first = first_look(stored, settings)
    _diagnose(first, folder, diagnose, settings, watch)
    second = second_look(stored, first, _pooled(folder, first, settings), settings)
    _diagnose(second, folder, diagnose, settings, watch)
    shots = _pooled(folder, [*first, *second], settings)
    whole = pool_video(shots, settings.percentile)
    known = {
        "variable_rate": video.variable_rate or totals.irregular,
        "duration": video.duration or totals.end,
    }
    return Timeline(
        video=video.model_copy(update=known),
        shots=shots,
        notes=notes(video, totals, shots),
        **whole._asdict(),
    )


def _diagnose(
    looked: Sequence[Seat], folder: RunFolder, diagnose: Diagnose, settings: AnalysisSettings, watch: Watch
) -> None:
    """Add to the folder what the model says of frames that it has not seen yet."""
    known = {frame.frame for frame in folder.frames.records}
    candidates = _candidates(folder)
    left = [seat for seat in looked if seat.frame not in known]
    shots = {seat.frame: seat.shot for seat in left}
    wanted = [candidates[seat.frame] for seat in left]
    groups = groups_of(wanted, lambda c: shots[c.frame], lambda c: c.time, settings.batch, settings.native)
    done = len(looked) - len(left)
    for group in groups:
        watch("diagnosing", done, len(looked))
        done += len(group)
        paths = [folder.picture(one.frame) for one in group]
        outcomes = outcomes_of(diagnose, paths, [one.time for one in group], settings.native)
        folder.frames.append(_sampled(one, o, folder) for one, o in zip(group, outcomes, strict=True))
    watch("diagnosing", len(looked), len(looked))


def _candidates(folder: RunFolder) -> Mapping[int, Candidate]:
    return {c.frame: c for shot in folder.shots.records for c in (*shot.regular, *shot.spare)}


def _sampled(one: Candidate, outcome: Outcome, folder: RunFolder) -> SampledFrame:
    return SampledFrame(
        frame=one.frame,
        time=one.time,
        picture=folder.name(one.frame),
        diagnosis=outcome.diagnosis,
        score=frame_score(outcome.diagnosis, outcome.score),
        error=outcome.error,
        signals=one.signals,
    )


def _pooled(
    folder: RunFolder, looked: Iterable[Seat], settings: AnalysisSettings
) -> tuple[ShotAnalysis, ...]:
    """The shots by the frames of these seats."""
    seen = {frame.frame: frame for frame in folder.frames.records}
    of_shot: dict[int, list[SampledFrame]] = {}
    for seat in looked:
        of_shot.setdefault(seat.shot, []).append(seen[seat.frame])
    return tuple(
        pool_shot(
            one.shot,
            of_shot.get(one.shot.index, []),
            settings.present,
            settings.percentile,
            dict(one.signals),
        )
        for one in folder.shots.records
    )


def notes(video: Video, totals: ScanTotals, shots: Sequence[ShotAnalysis]) -> tuple[str, ...]:
    """What a reader should know beside the findings."""
    said = []
    if totals.end < video.duration - max(_ENDS_EARLY_S, _ENDS_EARLY * video.duration):
        said.append(
            f"its frames end at {totals.end:.1f} s of {video.duration:.1f} s: it is cut off or damaged"
        )
    if totals.damaged:
        said.append(f"{totals.damaged} packets or frames of it are damaged and were passed over")
    if video.colour.transfer in HDR_TRANSFERS:
        said.append("it is HDR; the model has seen what an SDR screen shows of it")
    if failed := sum(frame.error is not None for one in shots for frame in one.frames):
        said.append(f"{failed} frames have no diagnosis and count for nothing; frames.jsonl says why")
    if unseen := sum(not one.frames for one in shots):
        said.append(f"{unseen} shots were not looked at: there are more than the budget allows")
    return tuple(said)
