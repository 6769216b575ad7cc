"""`finesight video hdr`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finesight.ui.cli.video_accept import REJECTED, Jobs, watching
from finesight.ui.cli.video_compare import print_wide
from finesight.ui.cli.video_plan import Program, Rules

if TYPE_CHECKING:
    from finesight.schema.plan import Plan
    from finesight.video.hdr.convert import Decide, Wanted

LevelOption = Annotated[
    str | None, typer.Option("--level", help="Dynamic range of the video, D0 to D3, instead of the rules'.")
]
FacesOption = Annotated[
    str, typer.Option("--faces", help="Who finds faces: detect, none, or a JSON file that has them.")
]
ChooseOption = Annotated[
    str | None,
    typer.Option("--choose", metavar="MODEL", help="Model that chooses the level instead of the rules."),
]


def register(app: typer.Typer) -> None:
    """Add the verb to `finesight video`."""
    app.command()(hdr)


def hdr(
    run: Annotated[Path, typer.Argument(help="Folder of a run that is analysed; hdr/ is written there.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="A TOML file first (may be left out), then key=value overrides."),
    ] = None,
    level: LevelOption = None,
    faces: FacesOption = "detect",
    choose: ChooseOption = None,
    jobs: Jobs = None,
    source: Annotated[
        Path | None, typer.Option(help="The file, if it is not where it was analysed; it is only read.")
    ] = None,
    rules: Rules = None,
    ffmpeg: Program = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what was chosen, and encode nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make HDR10 of a run's source and of what was accepted of it; exit code 3 when a check fails."""
    from finesight.ui.cli.video_process import settings_of
    from finesight.ui.hdr import conversions_block, result_block
    from finesight.video.ffmpeg import load_runner
    from finesight.video.folder import read_timeline
    from finesight.video.hdr.convert import chosen, convert
    from finesight.video.rule_files import load_rules
    from finesight.video.work import begin

    timeline = read_timeline(run)
    light, what = chosen(run, timeline, wanted_of(run, level, faces, choose))
    if dry_run:
        if as_json:
            typer.echo(
                json.dumps({"light": light.model_dump(mode="json"), "chosen": what.model_dump(mode="json")})
            )
        else:
            print_wide(conversions_block(light, what))
        return
    with watching() as watch:
        work = begin(
            run,
            load_rules(rules).tools,
            load_runner(ffmpeg),
            settings_of(settings),
            source,
            lambda done, of: watch("reading times", done, of),
        )
        cores = jobs or max(1, (os.cpu_count() or 1) // 2)
        done = convert(work, _accepted(run), what, cores, watch)
    if as_json:
        typer.echo(done.model_dump_json())
    else:
        print_wide(conversions_block(light, what))
        print_wide(result_block(done, run))
    if done.output is None:
        raise typer.Exit(REJECTED)


def wanted_of(run: Path, level: str | None, faces: str, choose: str | None) -> Wanted:
    """How a run is to become HDR, by the options of the command.

    Raises:
        ConfigError: no such level, or both a level and a model. InputError: faces that cannot be read.
    """
    from finesight.errors import ConfigError
    from finesight.video.hdr import faces as found
    from finesight.video.hdr.convert import Wanted

    finders = {"detect": found.detected, "none": found.none}
    finder = finders[faces] if faces in finders else found.given(Path(faces))
    if level and choose:
        raise ConfigError("--level and --choose: one of them decides; leave the other away")
    if level:
        return Wanted(finder, _by_person(level))
    return Wanted(finder, _by_model(run, choose)) if choose else Wanted(finder)


def _by_person(named: str) -> Decide:
    from finesight.errors import ConfigError
    from finesight.schema.hdr import Level
    from finesight.video.hdr.convert import Decided

    if named not in list(Level):
        raise ConfigError(f"--level {named}: is none; there is {', '.join(Level)}")
    return lambda timeline, light: Decided(Level(named), "person", f"--level {named}")


def _by_model(run: Path, model: str) -> Decide:
    from finesight.ui.conversions import asking_model, decided_by

    def complain(said: str) -> None:
        print(f"{model}: {said}; the rules decide", file=sys.stderr)

    return decided_by(run, asking_model(model), model, complain)


def _accepted(run: Path) -> Plan:
    """The plan of a run with the calls that were accepted; where nothing was, with none."""
    from finesight.errors import InputError
    from finesight.schema.plan import Decision, Plan, ShotPlan
    from finesight.video.accept import ACCEPTANCE, read_acceptance
    from finesight.video.chain import as_accepted
    from finesight.video.folder import read_timeline
    from finesight.video.plan_file import read_plan

    if (run / ACCEPTANCE).exists():
        return as_accepted(read_plan(run), read_acceptance(run))
    timeline = read_timeline(run)
    shots = tuple(
        ShotPlan(shot=one.shot.index, start=one.shot.start, end=one.shot.end) for one in timeline.shots
    )
    try:
        told = read_plan(run)
    except InputError:
        return Plan(video=timeline.video.path, rules="", ffmpeg="", whole=Decision(), shots=shots)
    return told.model_copy(update={"shots": shots, "whole": Decision()})
