"""The plan of a run folder: timeline.json in, plan.json out."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.schema.plan import Plan
from finesight.video.capability import probe
from finesight.video.choosing import BY_RULES, Wish, chosen
from finesight.video.ffmpeg import Runner
from finesight.video.folder import read_timeline
from finesight.video.planning import Offer, plan
from finesight.video.rules import RuleSet

PLAN = "plan.json"


def plan_run(
    run: Path,
    rules: RuleSet,
    runner: Runner,
    cache: Path | None = None,
    wish: Wish = BY_RULES,
) -> Plan:
    """Plan an analysed run and leave plan.json in its folder.

    Args:
        wish: how the way of each shot is chosen.

    Raises:
        InputError: the folder holds no timeline that can be read. ConfigError: the wish cannot be met.
    """
    timeline = read_timeline(run)
    made = chosen(plan(timeline, rules, offer_of(rules, runner, cache)), timeline, wish)
    write_text(run / PLAN, made.model_dump_json(indent=1) + "\n")
    return made


def offer_of(rules: RuleSet, runner: Runner, cache: Path | None = None) -> Offer:
    """What an ffmpeg has of the tools that rules call."""
    called = {rule.tool for rule in rules.rules}
    complaints = probe([tool for name, tool in rules.tools.items() if name in called], runner, cache)
    return Offer(runner.version, {name: why for name, why in complaints.items() if why})


def read_plan(run: Path) -> Plan:
    """The plan in a run folder.

    Raises:
        InputError: there is none that can be read.
    """
    path = run / PLAN
    try:
        return Plan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read ({told}); `finesight video plan {run}` makes it") from error
