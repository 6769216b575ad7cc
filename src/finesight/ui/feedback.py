"""What attempts have come to, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.feedback import LEFT, Attempt
from finesight.schema.verdict import Outcome
from finesight.ui.terminal import plain

_OUTCOMES = (*(outcome.value for outcome in reversed(Outcome)), LEFT)


class Tally(NamedTuple):
    """Attempts with the same tools in the same way. reward: mean of the first tries; None without any."""

    tools: str
    arm: str
    attempts: int
    outcomes: dict[str, int]
    reward: float | None


def tallies(attempts: Iterable[Attempt]) -> list[Tally]:
    """Counts by tools and way, the most frequent first."""
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for one in attempts:
        groups.setdefault((" + ".join(one.tools) or "nothing", one.arm), []).append(one)
    rows = [_tally(tools, arm, group) for (tools, arm), group in groups.items()]
    return sorted(rows, key=lambda row: (-row.attempts, row.tools, row.arm))


def feedback_block(attempts: Sequence[Attempt]) -> RenderableType:
    """A row for each set of tools and way, then how many attempts there are, of how many videos."""
    table = Table(box=SIMPLE, show_edge=False)
    table.add_column("tools")
    table.add_column("way")
    for name in ("attempts", *_OUTCOMES, "reward"):
        table.add_column(name, justify="right")
    for row in tallies(attempts):
        counts = (str(row.outcomes[name] or "") for name in _OUTCOMES)
        reward = "" if row.reward is None else f"{row.reward:.3f}"
        table.add_row(plain(row.tools), row.arm, str(row.attempts), *counts, reward)
    videos = len({one.mark for one in attempts})
    return Group(table, Text(f"{len(attempts)} attempts at shots of {videos} videos"))


def _tally(tools: str, arm: str, group: Sequence[Attempt]) -> Tally:
    rewards = [one.reward for one in group if one.reward is not None]
    outcomes = {name: sum(one.outcome == name for one in group) for name in _OUTCOMES}
    return Tally(tools, arm, len(group), outcomes, round(fmean(rewards), 6) if rewards else None)
