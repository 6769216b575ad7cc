"""A verdict on a processed video as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.verdict import Check, Outcome, ShotVerdict, Verdict
from finesight.ui.terminal import plain
from finesight.ui.timeline import clock

STYLES = {
    Outcome.ACCEPTED: "bold green",
    Outcome.NO_BENEFIT: "bold yellow",
    Outcome.WEAKEN: "bold yellow",
    Outcome.ROLLED_BACK: "bold red",
}


def verdict_block(verdict: Verdict) -> RenderableType:
    """The checks of the files, then of each shot, with values and limits; why, where one failed; the outcome."""
    lines: list[RenderableType] = [
        Text(f"{plain(verdict.processed)} against {plain(verdict.source)}"),
        check_table(verdict.checks),
    ]
    for shot in verdict.shots:
        lines += [shot_head(shot), check_table(shot.checks), *regression_lines(shot)]
    return Group(*lines, Text(_sum(verdict), style="bold"))


def check_table(checks: Sequence[Check]) -> Table:
    """A row a check."""
    table = Table(box=SIMPLE, show_edge=False)
    for column, justify in (("gate", "left"), ("check", "left"), ("value", "right"), ("limit", "right")):
        table.add_column(column, justify=justify, no_wrap=column != "value")  # type: ignore[arg-type]
    table.add_column("")
    table.add_column("why")
    for check in checks:
        said = Text("pass", style="green") if check.passed else Text("FAIL", style="bold red")
        value = plain(check.value) if isinstance(check.value, str) else f"{check.value:.4g}"
        table.add_row(
            check.gate, check.name, value, plain(check.limit), said, "" if check.passed else plain(check.why)
        )
    return table


def shot_head(shot: ShotVerdict) -> Text:
    """Number, time and outcome of a shot."""
    head = Text(f"shot {shot.shot.index}", style="bold")
    head.append(f"  {clock(shot.shot.start)} - {clock(shot.shot.end)}  ", style="not bold dim")
    head.append(shot.outcome, style=STYLES[shot.outcome])
    if shot.untouched:
        head.append("  nothing was called for it", style="not bold dim")
    return head


def regression_lines(shot: ShotVerdict) -> Iterator[RenderableType]:
    """A line for each type that is worse than before."""
    for one in shot.regressions:
        yield Text(f"  worse: {one.type} {one.before or 'none'} -> {one.after}", style="yellow")


def _sum(verdict: Verdict) -> str:
    counts = [(outcome, sum(s.outcome is outcome for s in verdict.shots)) for outcome in reversed(Outcome)]
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts if count)
    return f"{verdict.outcome}: of {len(verdict.shots)} shots {said}"
