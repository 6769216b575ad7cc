"""`finesight video run`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finesight.ui.cli.video_accept import REJECTED, Jobs, Store, watching
from finesight.ui.cli.video_compare import LimitsFile, print_wide
from finesight.ui.cli.video_hdr import ChooseOption, FacesOption, LevelOption, wanted_of
from finesight.ui.cli.video_plan import Enact, Explore, PolicyFile, Program, Rules, Seed, wish_of

if TYPE_CHECKING:
    from finesight.schema.acceptance import ChainResult
    from finesight.schema.hdr import HdrResult
    from finesight.video.analyse import Watch
    from finesight.video.chain import Job, Prepared
    from finesight.video.settings import ChainSettings


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(run)


def run(
    video: Annotated[Path, typer.Argument(metavar="IN", help="The file; it is only read.")],
    out: Annotated[Path, typer.Argument(help="What is made of it; written at the end, whole or not at all.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder, hub id or server:URL; without it the default.")
    ] = None,
    goal: Annotated[str, typer.Option(help="What it is to become: clean, or hdr10.")] = "clean",
    level: LevelOption = None,
    faces: FacesOption = "detect",
    choose: ChooseOption = None,
    folder: Annotated[
        Path | None, typer.Option("--run", help="Folder of the work; without it OUT.run.")
    ] = None,
    limits: LimitsFile = None,
    rules: Rules = None,
    jobs: Jobs = None,
    explore_share: Explore = 0.0,
    seed: Seed = 0,
    policy: PolicyFile = None,
    enact: Enact = False,
    store: Store = None,
    ffmpeg: Program = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Analyse, print plan and commands, and encode nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Analyse, plan, process and accept in one go; exit code 3 and no output when it is rejected."""
    from finesight.video.chain import carry_out, check_places, prepare

    place = folder or out.with_name(f"{out.name}.run")
    check_places(video, out, place)
    with watching() as watch:
        job = _job(video, out, place, settings, model, goal, limits, rules, jobs, ffmpeg, watch)
        hdr = wanted_of(place, level, faces, choose)
        job = job._replace(wish=wish_of(explore_share, seed, policy, enact), store=store, hdr=hdr)
        ready = prepare(job)
        for note in (*ready.timeline.notes, *_notes(ready)):
            print(f"{video}: {note}", file=sys.stderr)
        done = None if dry_run else carry_out(job, ready)
    if done is None:
        _show_plan(job, ready, as_json)
    else:
        _show(done, ready, as_json)


def _job(
    video: Path,
    out: Path,
    place: Path,
    settings: list[str] | None,
    model: str | None,
    goal: str,
    limits: Path | None,
    rules: Path | None,
    jobs: int | None,
    ffmpeg: str | None,
    watch: Watch,
) -> Job:
    from finesight.model.diagnose import default_model
    from finesight.model.samplers import mark_of_weights
    from finesight.ui.cli.video_analyse import lazily
    from finesight.video.accept import Judging
    from finesight.video.capability import default_cache
    from finesight.video.chain import Job
    from finesight.video.ffmpeg import load_runner
    from finesight.video.goals import goal_named
    from finesight.video.limits import load_limits
    from finesight.video.rule_files import load_rules

    where = model or default_model()
    cores = jobs or max(1, (os.cpu_count() or 1) // 2)
    allowed, weights = load_limits(limits), mark_of_weights(where)
    how = Judging(allowed, lazily(where), weights, default_cache(), cores, watch)
    chosen, program = load_rules(rules), load_runner(ffmpeg)
    return Job(video, out, place, chosen, program, goal_named(goal), where, how, _settings(settings))


def _settings(given: list[str] | None) -> ChainSettings:
    from finesight.config import load_config
    from finesight.video.settings import ChainSettings

    arguments = given or []
    if arguments and "=" not in arguments[0]:
        return load_config(ChainSettings, Path(arguments[0]), arguments[1:])
    return load_config(ChainSettings, None, arguments)


def _notes(ready: Prepared) -> tuple[str, ...]:
    """What is assumed of the file, and what cannot be kept, where something is made of it."""
    from finesight.video.work import encoding_for, notes_of

    if not any(shot.calls for shot in ready.plan.shots):
        return ()
    return notes_of(ready.work, encoding_for(ready.work, ready.plan))


def _show_plan(job: Job, ready: Prepared, as_json: bool) -> None:
    from finesight.ui.cli.video_process import commands_of
    from finesight.ui.plan import plan_block

    commands = commands_of(ready.work, ready.plan)
    if as_json:
        plan = ready.plan.model_dump(mode="json")
        typer.echo(json.dumps({"run": str(job.run), "plan": plan, "commands": commands}))
        return
    print_wide(plan_block(ready.plan, ready.timeline, job.rules.tools, explain=True))
    for command in commands:
        typer.echo(shlex.join(("ffmpeg", *command)))


def _show(done: ChainResult, ready: Prepared, as_json: bool) -> None:
    from finesight.ui.acceptance import acceptance_block
    from finesight.ui.hdr import result_block

    if as_json:
        typer.echo(done.model_dump_json())
    elif done.acceptance:
        print_wide(acceptance_block(done.acceptance, ready.work.run))
    verdict = done.acceptance
    if done.hdr and not as_json:
        print_wide(result_block(done.hdr, ready.work.run))
    if done.hdr:
        print(f"{done.output or done.source}: {_hdr_said(done.hdr)}", file=sys.stderr)
    elif verdict is None:
        print(f"{done.source}: nothing is called for it, so that nothing is made", file=sys.stderr)
    elif done.output:
        print(f"{done.output}: {verdict.outcome}", file=sys.stderr)
    rejected = verdict is not None and verdict.outcome == "rejected"
    if done.hdr.output is None if done.hdr else rejected:
        raise typer.Exit(REJECTED)


def _hdr_said(done: HdrResult) -> str:
    chosen = done.conversions
    if done.output is None:
        return "a check of the HDR10 file has failed; the source is kept"
    return f"HDR10, {chosen.level} ({chosen.level.says}) by {chosen.by}"
