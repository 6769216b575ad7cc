"""What sampled answers earned, as a table for a terminal."""

from __future__ import annotations

from rich.table import Table

from finesight.schema.sample import Subclass
from finesight.scoring.rewards.tally import Earned

_COUNTS = ("all_right", "all_wrong", "alike", "unscored", "unfinished")


def rollout_table(subclasses: dict[Subclass, Earned], whole: Earned) -> Table:
    """A row a subclass: means over its answers, spread within its groups, then counts."""
    table = Table(title="What the answers earned", padding=(0, 0, 0, 1))
    table.add_column("", no_wrap=True)
    for column in ("groups", "answers", "mean reward", "std within", *_COUNTS):
        # Narrow terminals break titles at spaces before they cut numbers off.
        title = column.replace("_", " ")
        table.add_column(title, justify="right", min_width=max(map(len, title.split())))
    for subclass, earned in subclasses.items():
        table.add_row(subclass.value, *_cells(earned))
    table.add_section()
    table.add_row("all", *_cells(whole))
    return table


def _cells(earned: Earned) -> list[str]:
    return [
        f"{earned.groups:,}",
        f"{earned.answers:,}",
        _number(earned.reward),
        _number(earned.spread),
        *(f"{getattr(earned, name):,}" for name in _COUNTS),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
