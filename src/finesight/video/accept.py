"""A processed run to a verdict: judged, tried again more weakly, put back shot by shot, until nothing is left to do.

acceptance.jsonl   a line a round, appended as it ends; gone when there is a verdict
looked.jsonl       a line a frame of a processed file that a model has looked at
after/             those frames as pictures
acceptance.json    the result
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

import finesight
from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.schema.acceptance import Acceptance, Round
from finesight.schema.plan import Decision, Plan
from finesight.schema.processed import Processed
from finesight.schema.video import Shot
from finesight.video.acceptance import judge
from finesight.video.analyse import Watch
from finesight.video.evidence import gathered, measure_pair
from finesight.video.folder import read_record
from finesight.video.journal import Journal
from finesight.video.limits import LimitSet
from finesight.video.looking import Look, Looked
from finesight.video.making import digest
from finesight.video.process import PROCESSED, Process, read_processed
from finesight.video.rounds import Standing, after, begin, conclude
from finesight.video.showing import Diagnose
from finesight.video.work import FOLDER, Work

ACCEPTANCE, ROUNDS, LOOKED = "acceptance.json", "acceptance.jsonl", "looked.jsonl"


class Judging(NamedTuple):
    """How a run is judged.

    weights: what the model's files are told from others by. cache: folder in which measurements are kept. jobs: so
    many chunks are encoded at a time.
    """

    limits: LimitSet
    diagnose: Diagnose
    weights: str = ""
    cache: Path | None = None
    jobs: int = 1
    watch: Watch = lambda what, done, total: None


def accept(work: Work, plan: Plan, how: Judging) -> Acceptance:
    """Judge a processed run; its output holds then what was accepted, and acceptance.json says so.

    Killed at any moment and called again it goes on; where it had ended, the same verdict is given again.

    Args:
        plan: that the run was processed by.

    Raises:
        InputError: nothing was processed, another process works on the run, or a chunk does not come out right.
    """
    read_processed(work.run)
    key = _key(work, plan, how)
    if (known := _known(work, key)) is not None:
        return known
    with ExitStack() as opened:
        process = opened.enter_context(Process(work))
        rounds = opened.enter_context(Journal(work.run / ROUNDS, Round))
        looked = opened.enter_context(Journal(work.run / LOOKED, Looked))
        look = Look(work.run, looked, how.diagnose, read_record(work.run).settings, how.watch)
        standing = begin(plan)
        for one in (one for one in rounds.records if one.key == key):
            standing = after(standing, one.verdict)
        while not standing.ended:
            _make(process, standing.plan, how)
            rounds.append([_judged(work, standing, how, look, key)])
            standing = after(standing, rounds.records[-1].verdict)
        done = _concluded(work, standing, plan, [one for one in rounds.records if one.key == key])
        write_text(work.run / ACCEPTANCE, done.model_dump_json(indent=1) + "\n")
        (work.run / ROUNDS).unlink()
    return done


def read_acceptance(run: Path) -> Acceptance:
    """The verdict on a run.

    Raises:
        InputError: none that can be read.
    """
    path = run / ACCEPTANCE
    try:
        return Acceptance.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be read ({told}); `finesight video accept {run}` makes it"
        ) from error


def _known(work: Work, key: str) -> Acceptance | None:
    """The verdict that there is already, if it is of the file that is there now."""
    try:
        known = read_acceptance(work.run)
    except InputError:
        return None
    there = work.output.is_file() and read_processed(work.run).bytes > 0
    return known if there and known.key == key and known.mark == digest(work.output) else None


def _make(process: Process, plan: Plan, how: Judging) -> None:
    """Have the output be what a plan says; where it is already, it stays as it is."""
    work = process.work
    there = read_processed(work.run)
    asked = [shot.calls for shot in plan.shots], work.settings.model_dump()
    if there.bytes > 0 and work.output.is_file() and (_calls(there), there.settings) == asked:
        return
    made = process.make(plan, how.jobs, lambda done, of: how.watch("processing anew", done, of))
    # Between the new output and what is told of it nobody may take the one for the other.
    write_text(work.run / PROCESSED, made.model_dump_json(indent=1) + "\n")
    process.join(made)


def _calls(made: Processed) -> list[object]:
    return [shot.calls for shot in made.shots]


def _judged(work: Work, standing: Standing, how: Judging, look: Look, key: str) -> Round:
    analysed = work.timeline.shots
    shots: Sequence[Shot] = [one.shot for one in analysed]
    asked = standing.open | standing.check
    scored = None if len(asked) == len(shots) else [shot for shot in shots if shot.index in asked]
    measured = measure_pair(work.source, work.output, work.runner, shots, how.cache, how.watch, scored)
    file = digest(work.output)
    called = {shot.shot for shot in standing.plan.shots if shot.calls} & standing.open
    of = hashlib.sha256(f"{file}|{how.weights}".encode()).hexdigest()
    looked = look.improvements(work.output, of, analysed, called)
    evidence = gathered(measured, standing.plan, looked, asked)
    verdict = judge(evidence, how.limits, standing.number)
    return Round(key=key, number=standing.number, file=file, evidence=evidence, verdict=verdict)


def _concluded(work: Work, standing: Standing, plan: Plan, rounds: Sequence[Round]) -> Acceptance:
    outcome, useful, shots = conclude(standing, plan)
    return Acceptance(
        key=rounds[-1].key,
        mark=digest(work.output),
        source=str(work.source),
        output=f"{FOLDER}/{work.output.name}" if useful else None,
        outcome=outcome,
        checks=standing.checks,
        shots=shots,
        rounds=tuple(rounds),
    )


def _key(work: Work, plan: Plan, how: Judging) -> str:
    calls = Decision(calls=plan.whole.calls), *(Decision(calls=shot.calls) for shot in plan.shots)
    told = [
        work.mark,
        *(one.model_dump_json() for one in calls),
        work.settings.model_dump_json(),
        how.limits.model_dump_json(),
    ]
    told += [how.weights, work.runner.version, finesight.__version__]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
