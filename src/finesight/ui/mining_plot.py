"""What mining kept and dropped, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from finesight.data.mine.difficulty import Reason
from finesight.data.mine.report import BINS, MiningReport, SubclassReport
from finesight.schema.sample import Subclass

_KEPT, _ALL, _BAND = "#2f74c8", "#cfcfd4", "#4fa884"
_REASONS = {
    Reason.MERGED: "#83bae5",
    Reason.OVER_BUDGET: "#a479ff",
    Reason.TOO_EASY: "#feac00",
    Reason.TOO_HARD: "#b3505f",
    Reason.NO_SPREAD: "#8c8c94",
    Reason.TOO_FEW_SCORED: "#ff71c2",
    Reason.UNSCORED: "#33333a",
    Reason.REPEATED: "#e6dce4",
}
_WIDTH, _ROW, _HEAD = 9.0, 1.7, 0.45
"""Inches: of the picture, of the panels of a subclass, of its bar among the reasons."""


def draw_mining(report: MiningReport) -> bytes:
    """A PNG: on top what became of the groups; below a row a subclass, mean rewards with the band, and ranges."""
    rows = len(report.subclasses)
    head = 1.6 + _HEAD * rows
    figure = Figure(figsize=(_WIDTH, head + _ROW * rows), layout="constrained")
    grid = figure.add_gridspec(1 + rows, 2, height_ratios=[head, *[_ROW] * rows])
    _reasons(figure.add_subplot(grid[0, :]), report)
    title = f"{report.kept:,} prompts kept of {report.groups:,} groups"
    figure.legend(title=title, loc="outside upper left", ncols=4, frameon=False, fontsize=8)
    for row, (subclass, one) in enumerate(report.subclasses.items(), 1):
        pair = [figure.add_subplot(grid[row, column]) for column in (0, 1)]
        _means(pair[0], subclass, one)
        _ranges(pair[1], subclass, one)
        for axes in pair:
            axes.tick_params(labelsize=8, labelbottom=row == rows)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=130)
    return file.getvalue()


def _reasons(axes: Axes, report: MiningReport) -> None:
    """A bar a subclass, as long as its groups, in pieces of kept and of each reason."""
    ones = list(report.subclasses.values())
    names = [subclass.value for subclass in report.subclasses]
    left = np.zeros(len(ones))
    pieces = [("kept", _KEPT, np.array([one.kept for one in ones]))]
    for reason, colour in _REASONS.items():
        pieces.append((reason, colour, np.array([one.dropped.get(reason, 0) for one in ones])))
    for name, colour, counts in pieces:
        if counts.any():
            axes.barh(names, counts, left=left, color=colour, label=f"{name} {counts.sum():,}")
            left += counts
    axes.invert_yaxis()
    axes.set_xlabel("groups")
    axes.spines[["top", "right"]].set_visible(False)


def _means(axes: Axes, subclass: Subclass, one: SubclassReport) -> None:
    axes.axvspan(one.band.low, one.band.high, color=_BAND, alpha=0.15, linewidth=0)
    _bars(axes, one.means, _ALL)
    _bars(axes, one.kept_means, _KEPT)
    _finish(axes, f"{subclass}: groups by mean reward, {_within(one)} kept")


def _ranges(axes: Axes, subclass: Subclass, one: SubclassReport) -> None:
    axes.axvspan(one.band.epsilon, 1, color=_BAND, alpha=0.15, linewidth=0)
    _bars(axes, one.ranges, _ALL)
    _finish(axes, f"{subclass}: by range of rewards, above {one.band.epsilon:g} kept")


def _within(one: SubclassReport) -> str:
    return f"{one.band.low:g} to {one.band.high:g}"


def _bars(axes: Axes, counts: Sequence[int], colour: str) -> None:
    edges = np.arange(BINS) / BINS
    axes.bar(edges, counts, width=0.9 / BINS, align="edge", color=colour)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0, top=None if axes.dataLim.ymax > 0 else 1)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
