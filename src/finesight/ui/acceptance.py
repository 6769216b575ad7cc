"""The last word on a processed video as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from finesight.schema.acceptance import Acceptance, ShotAcceptance
from finesight.schema.plan import ToolCall
from finesight.schema.verdict import Outcome
from finesight.ui.terminal import plain
from finesight.ui.verdict import STYLES, check_table, regression_lines, shot_head


def acceptance_block(done: Acceptance, run: Path) -> RenderableType:
    """The checks of the file, then of each shot what was called, tried and decided; the outcome in the last line."""
    lines: list[RenderableType] = [
        Text(f"{plain(str(run))} against {plain(done.source)}"),
        check_table(done.checks),
    ]
    for shot in done.shots:
        lines += _shot(shot)
    return Group(*lines, Text(_sum(done, run), style="bold"))


def _shot(shot: ShotAcceptance) -> Iterator[RenderableType]:
    yield shot_head(shot.decided)
    if shot.asked:
        said = f"  {_calls(shot.asked)}"
        if shot.outcome is not Outcome.ACCEPTED:
            said += f"; now {_calls(shot.calls)}"
        elif shot.calls != shot.asked:
            said += f"; weakened to {_calls(shot.calls)}"
        yield Text(f"{said}; tried {shot.attempts} times" if shot.attempts > 1 else said, style="dim")
    yield check_table(shot.decided.checks)
    yield from regression_lines(shot.decided)
    if shot.kept and shot.kept.outcome is not Outcome.ACCEPTED:
        yield Text("  as it was put back:", style=STYLES[Outcome.ROLLED_BACK])
        yield check_table([check for check in shot.kept.checks if not check.passed])


def _calls(calls: tuple[ToolCall, ...]) -> str:
    return ", ".join(f"{call.tool} ({call.strength})" for call in calls) or "nothing"


def _sum(done: Acceptance, run: Path) -> str:
    counts = [(outcome, sum(s.outcome is outcome for s in done.shots)) for outcome in reversed(Outcome)]
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts if count)
    kept = plain(str(run / done.output)) if done.output else "the source is kept"
    return f"{done.outcome}: of {len(done.shots)} shots {said}; {kept}"
