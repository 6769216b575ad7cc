"""What sampled answers earned, as a table for a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from finesight.schema.sample import Subclass
from finesight.scoring.rewards.tally import Earned

_COLUMNS = ("groups", "answers", "reward", "std", "all right", "all wrong", "alike", "unscored", "cut off")


def rollout_table(subclasses: dict[Subclass, Earned], whole: Earned) -> Table:
    """A row a subclass: the mean over its answers, the spread within its groups, then counts."""
    # No lines between columns, so that it fits a terminal of 80 characters.
    table = Table(title="What the answers earned", padding=(0, 0, 0, 1), box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for column in _COLUMNS:
        # Narrow terminals break titles at spaces before they cut numbers off.
        table.add_column(column, justify="right", min_width=max(map(len, column.split())))
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
        f"{earned.all_right:,}",
        f"{earned.all_wrong:,}",
        f"{earned.alike:,}",
        f"{earned.unscored:,}",
        f"{earned.unfinished:,}",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
