"""The plan of a run folder: timeline.json in, plan.json out."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.schema.plan import Plan
from finesight.schema.video import Timeline
from finesight.video.capability import probe
from finesight.video.ffmpeg import Runner
from finesight.video.planning import Offer, plan
from finesight.video.rules import RuleSet

TIMELINE, PLAN = "timeline.json", "plan.json"

M = TypeVar("M", bound=BaseModel)


def plan_run(run: Path, rules: RuleSet, runner: Runner, cache: Path | None = None) -> Plan:
    """Plan an analysed run and leave plan.json in its folder.

    Raises:
        InputError: the folder holds no timeline that can be read.
    """
    timeline = read_timeline(run)
    made = plan(timeline, rules, offer_of(rules, runner, cache))
    write_text(run / PLAN, made.model_dump_json(indent=1) + "\n")
    return made


def offer_of(rules: RuleSet, runner: Runner, cache: Path | None = None) -> Offer:
    """What an ffmpeg has of the tools that rules call."""
    called = {rule.tool for rule in rules.rules}
    complaints = probe([tool for name, tool in rules.tools.items() if name in called], runner, cache)
    return Offer(runner.version, {name: why for name, why in complaints.items() if why})


def read_timeline(run: Path) -> Timeline:
    """The analysis in a run folder."""
    return _read(Timeline, run / TIMELINE, f"run: finesight video analyse VIDEO --out {run}")


def read_plan(run: Path) -> Plan:
    """The plan in a run folder."""
    return _read(Plan, run / PLAN, f"run: finesight video plan {run}")


def _read(kind: type[M], path: Path, remedy: str) -> M:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}; {remedy}") from error
