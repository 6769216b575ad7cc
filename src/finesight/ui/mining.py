"""What mining kept and dropped, as tables for a terminal."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.data.mine.difficulty import Reason
from finesight.data.mine.report import MiningReport
from finesight.schema.sample import Subclass
from finesight.ui.terminal import plain


def mining_block(report: MiningReport) -> RenderableType:
    """Subclasses with what became of their groups, then the types before and after, then the whole in a line."""
    answers = sum(one.answers for one in report.subclasses.values())
    unscored = sum(one.unscored_answers for one in report.subclasses.values())
    asked = "" if report.questions == report.kept else f" that ask {report.questions:,} questions"
    return Group(
        _subclasses(report),
        Text(f"kept are, of {_bands(report)}"),
        *([Text(told, style="yellow")] if (told := guesses_told(report)) else []),
        _types(report),
        Text(
            f"policy: {', '.join(map(plain, report.models))}; "
            f"{unscored:,} of its {answers:,} answers have no reward"
        ),
        Text(
            f"{report.kept:,} prompts kept{asked}, of {report.groups:,} groups; "
            f"{len(report.skipped):,} lines skipped"
        ),
    )


def _subclasses(report: MiningReport) -> Table:
    """A row a subclass, a column a reason that occurs; kept and reasons add up to groups."""
    reasons = list(report.dropped)
    # Without borders even all reasons fit 100 columns; titles break at spaces before numbers are cut off.
    table = Table(title="What became of the groups", box=SIMPLE, padding=0, show_edge=False)
    table.add_column("", no_wrap=True)
    for column in ("groups", "kept", *reasons):
        table.add_column(column, justify="right", min_width=max(map(len, column.split())))
    for subclass, one in report.subclasses.items():
        table.add_row(subclass.value, *_counts(one.groups, one.kept, one.dropped, reasons))
    table.add_section()
    table.add_row("all", *_counts(report.groups, report.kept, report.dropped, reasons))
    return table


def guesses_told(report: MiningReport) -> str:
    """A warning where guessed choices are kept, else nothing: their answers differ by luck, which unlearns."""
    choices, asked = report.choices, report.subclasses.get(Subclass.MCQ)
    if not (choices and choices.guessed and asked and asked.kept):
        return ""
    return (
        f"choices earn {choices.earned:.3f} and guessing {choices.guessing:.3f}: the policy guesses, and what "
        "differs in its answers is luck; leave them out with subclasses.mcq.budget=0"
    )


def _bands(report: MiningReport) -> str:
    """The bands, each with the subclasses that have it."""
    of: dict[str, list[str]] = {}
    for subclass, one in report.subclasses.items():
        band = one.band
        of.setdefault(f"mean {band.low:g} to {band.high:g}, range above {band.epsilon:g}", []).append(
            subclass
        )
    return "; ".join(f"{', '.join(names)}: {band}" for band, names in of.items())


def _counts(groups: int, kept: int, dropped: dict[Reason, int], reasons: list[Reason]) -> list[str]:
    return [f"{groups:,}", f"{kept:,}", *(f"{dropped.get(reason, 0):,}" for reason in reasons)]


def _types(report: MiningReport) -> Table:
    """Types with their share of all groups and of the prompts kept; both may be above 100 % together."""
    table = Table(title="What they are about", box=SIMPLE, show_edge=False)
    table.add_column("type")
    for column in ("groups", "share", "prompts", "share"):
        table.add_column(column, justify="right")
    for name, before in report.types_before.items():
        after = report.types_after.get(name, 0)
        shares = f"{before / report.groups:.1%}", f"{after / max(1, report.kept):.1%}"
        table.add_row(name, f"{before:,}", shares[0], f"{after:,}", shares[1])
    return table
