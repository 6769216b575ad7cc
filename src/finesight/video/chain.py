"""A video to a better one in one go: analysed, planned, processed, accepted, and put in its place."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from finesight.data.atomic import replacing
from finesight.errors import ConfigError, InputError
from finesight.schema.acceptance import Acceptance, ChainResult
from finesight.schema.hdr import HdrResult
from finesight.schema.plan import Plan
from finesight.schema.video import Timeline
from finesight.video.accept import Judging, accept, read_acceptance
from finesight.video.analyse import analyse
from finesight.video.assembly import output_name
from finesight.video.choosing import Wish
from finesight.video.feedback_store import remember
from finesight.video.ffmpeg import Runner
from finesight.video.goals import Goal
from finesight.video.hdr.convert import Wanted, check_is_sdr, chosen, convert, read_result
from finesight.video.making import digest
from finesight.video.plan_file import plan_run
from finesight.video.probe import probe
from finesight.video.process import PROCESSED, Process
from finesight.video.rules import RuleSet
from finesight.video.settings import ChainSettings
from finesight.video.vmaf import require_vmaf
from finesight.video.work import Work, begin


class Job(NamedTuple):
    """What is to be done.

    run: folder of the work. model: its name. how: its weights and how results are judged. wish: how the
    way of each shot is chosen. store: of attempts; without one that of the run. hdr: how a video becomes HDR where
    that is the goal.
    """

    source: Path
    out: Path
    run: Path
    rules: RuleSet
    runner: Runner
    goal: Goal
    model: str
    how: Judging
    settings: ChainSettings = ChainSettings()
    wish: Wish = Wish()
    store: Path | None = None
    hdr: Wanted = Wanted()


class Prepared(NamedTuple):
    """A video that is analysed and planned; nothing is encoded yet."""

    timeline: Timeline
    plan: Plan
    work: Work


def check_places(source: Path, out: Path, run: Path) -> None:
    """See that the output can be written, before any work is done for it.

    Raises:
        ConfigError: it is the source, has another ending than it will have, or is there and not of this run.
        VideoError: the source is no video.
    """
    ending = Path(output_name(probe(source))).suffix
    if out.suffix.lower() != ending:
        raise ConfigError(f"{out}: what is made of {source} is a {ending} file; name it {out.stem}{ending}")
    if not out.exists():
        return
    if out.samefile(source):
        raise ConfigError(f"{out}: is the source, which is only read; name another output")
    if not _ours(out, run):
        raise ConfigError(f"{out}: is there already, and not from {run}; delete it or name another output")


def prepare(job: Job) -> Prepared:
    """Analyse and plan; what is there of a former start is taken.

    Raises:
        InputError: no frame has a diagnosis. ConfigError: the run folder is of another video, model or settings.
    """
    how = job.how
    analysis = job.settings.analysis
    timeline = analyse(job.source, job.run, how.diagnose, analysis, job.model, how.weights, how.watch)
    if not any(frame.diagnosis for one in timeline.shots for frame in one.frames):
        raise InputError(
            f"{job.source}: no frame of it has a diagnosis, so that nothing can be planned; "
            f"{job.run / 'frames.jsonl'} says why"
        )
    plan = plan_run(job.run, job.rules, job.runner, how.cache, job.wish)
    work = begin(
        job.run,
        job.rules.tools,
        job.runner,
        job.settings.process,
        job.source,
        lambda done, of: how.watch("reading times", done, of),
    )
    return Prepared(timeline, plan, work)


def carry_out(job: Job, ready: Prepared) -> ChainResult:
    """Process what is planned, judge it, and put what was accepted in its place.

    Where nothing is planned nothing is encoded, and there is no output, unless it is to become HDR. Killed at any
    moment and called again it goes on.

    Raises:
        InputError: this ffmpeg has no VMAF, or a chunk does not come out as it should. ConfigError: it is HDR
            already.
    """
    if job.goal is Goal.HDR10:
        check_is_sdr(ready.timeline)
    verdict = None
    if any(shot.calls for shot in ready.plan.shots):
        if not (job.run / PROCESSED).exists():
            require_vmaf(job.runner)
            _process(job, ready)
        verdict = accept(ready.work, ready.plan, job.how)
    remember(job.run, ready.plan, verdict, job.runner.version, job.store)
    hdr = _to_hdr(job, ready, verdict) if job.goal is Goal.HDR10 else None
    made = hdr.output if hdr else verdict.output if verdict else None
    if made:
        _publish(job.run / made, job.out)
    placed = str(job.out) if made else None
    return ChainResult(run=str(job.run), source=str(job.source), output=placed, acceptance=verdict, hdr=hdr)


def as_accepted(plan: Plan, verdict: Acceptance | None) -> Plan:
    """A plan with the calls that were accepted and no others."""
    kept = {shot.shot: shot.calls for shot in verdict.shots} if verdict and verdict.output else {}
    shots = tuple(shot.model_copy(update={"calls": kept.get(shot.shot, ())}) for shot in plan.shots)
    return plan.model_copy(update={"shots": shots})


def _to_hdr(job: Job, ready: Prepared, verdict: Acceptance | None) -> HdrResult:
    _, what = chosen(job.run, ready.timeline, job.hdr)
    return convert(ready.work, as_accepted(ready.plan, verdict), what, job.how.jobs, job.how.watch)


def _process(job: Job, ready: Prepared) -> None:
    watch = job.how.watch
    with Process(ready.work) as process:
        process.join(process.make(ready.plan, job.how.jobs, lambda done, of: watch("processing", done, of)))


def _publish(made: Path, out: Path) -> None:
    """A copy of its own, so that to change one changes not the other; whole or not at all."""
    with made.open("rb") as source, replacing(out) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _ours(out: Path, run: Path) -> bool:
    marks = set()
    for read in (read_acceptance, read_result):
        with suppress(InputError):
            marks.add(read(run).mark)
    return bool(marks) and digest(out) in marks
