"""Pictures of runs: a panel for every quantity they log, several runs over each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from finesight.ui.palette import TYPE_COLOURS, luminance
from finesight.ui.runs import Row, Run

FIRST = (
    *("reward", "entropy", "kl_start"),
    *("reward_std", "zero_variance", "clip_fraction"),
    *("answer_tokens", "cut_off", "unscored"),
    *("loss", "dense", "token_accuracy", "learning_rate", "gradient_norm", "samples_per_s"),
)
"""The panels that come first; what else a run logs follows by name.

Of GRPO what it is for, and beside it what it costs: a reward that rises while the entropy falls to nothing and the
policy drifts away is the collapse to look for. Its loss says little, as it is about 0 by construction.
"""
ENDINGS = (".png", ".svg", ".pdf", ".html")
TITLES = {
    "kl_start": "divergence from the start (KL)",
    "reward_std": "deviation of rewards in a group",
    "zero_variance": "groups without spread",
    "clip_fraction": "tokens clipped",
    "answer_tokens": "length of answers",
    "cut_off": "answers cut off",
    "unscored": "answers without a reward",
    "groups": "groups trained on",
}
_UNITS = {
    "loss": "nats",
    "dense": "nats",
    "entropy": "nats / token",
    "kl_start": "nats / token",
    "answer_tokens": "tokens",
    "rollout_seconds": "s",
    "update_seconds": "s",
}
_SHARES = {"zero_variance", "clip_fraction", "cut_off", "unscored", "token_accuracy"}
_FROM_ZERO = _SHARES | {"entropy", "kl_start", "reward_std"}
_LOGARITHMIC = {"gradient_norm", "learning_rate"}
_NOT_DRAWN = {"step", "seconds"}
_COLUMNS, _PANEL = 3, (4.2, 2.8)
_COLOURS = [*[c for c in list(TYPE_COLOURS.values())[1:] if luminance(c) < 0.6], "#83bae5", "#33333a"]
"""Of lines on white, so without the palest; nine, as there are kinds of question."""


def draw_runs(runs: Sequence[Run]) -> Figure:
    """A figure of all runs: a panel a quantity, then one for each that is also told by kind of question."""
    panels, kinds = _panels(runs), _kinds(runs[0].held_out)
    count = len(panels) + len(kinds)
    columns = min(_COLUMNS, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(columns * _PANEL[0], lines * _PANEL[1]), layout="constrained")
    axes = [figure.add_subplot(lines, columns, n + 1) for n in range(count)]
    for panel, where in zip(panels, axes, strict=False):
        for run, colour in zip(runs, _colours(len(runs)), strict=True):
            _curve(where, run, panel, colour)
        _finish(where, panel, TITLES.get(panel, panel.replace("_", " ")))
    for (whole, names), where in zip(kinds.items(), axes[len(panels) :], strict=True):
        _by_kind(where, runs[0].held_out, names)
        _finish(where, whole, f"held-out {whole} by kind, {runs[0].name}")
        where.legend(framealpha=0.7, fontsize=7)
    _legend(figure, axes[: len(panels)])
    return figure


def _panels(runs: Sequence[Run]) -> list[str]:
    """The quantities of training and of evaluation, but for those by kind."""
    rows = (row for run in runs for row in (*run.training, *run.held_out))
    drawn = sorted({name for row in rows for name in row if "/" not in name} - _NOT_DRAWN)
    return [*(n for n in FIRST if n in drawn), *(n for n in drawn if n not in FIRST)]


def _kinds(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The names of a quantity by kind, `reward/mcq`, by that quantity."""
    found: dict[str, list[str]] = {}
    for name in sorted({name for row in rows for name in row if "/" in name}):
        found.setdefault(name.partition("/")[0], []).append(name)
    return found


def picture(figure: Figure, ending: str) -> bytes:
    """A figure as the bytes of a file of an ending; text in SVG stays text."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "finesight"}):
        figure.savefig(file, format=ending.removeprefix("."), dpi=130)
    return file.getvalue()


def page(runs: Sequence[Run], reload: float | None) -> bytes:
    """One HTML file with the curves and a table of the last numbers; it reloads itself every so many seconds."""
    png = base64.b64encode(picture(draw_runs(runs), ".png")).decode()
    rows = "".join(
        f"<tr><td>{escape(run.name)}</td><td>{int(run.training[-1]['step'])}</td>"
        f"<td>{_last(run)}</td><td>{_best(run)}</td><td>{'done' if run.done else 'running'}</td></tr>"
        for run in runs
    )
    again = f'<meta http-equiv="refresh" content="{max(1, round(reload))}">' if reload else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}<title>finesight plot</title><style>'
        "body{font:15px system-ui,sans-serif;margin:2em;background:#fff;color:#222}img{max-width:100%}"
        "td,th{padding:.2em 1em;text-align:right}td:first-child,th:first-child{text-align:left}"
        "@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}"
        "img{filter:invert(.9) hue-rotate(180deg)}}"
        "</style></head><body><h1>finesight plot</h1><table><tr><th>run</th><th>step</th><th>last</th>"
        f"<th>best held-out</th><th></th></tr>{rows}</table>"
        f'<img alt="curves of the runs" src="data:image/png;base64,{png}"></body></html>'
    ).encode()


def _colours(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]


def _curve(axes: Axes, run: Run, name: str, colour: str) -> None:
    """Raw values faint, their running mean on top; dashed what was held out, dotted the entropy it began with."""
    steps, values = _points(run.training, name)
    if len(steps):
        axes.plot(steps, values, alpha=0.2, linewidth=0.8, color=colour)
        axes.plot(steps, smooth(values), color=colour, label=run.name)
    if len(steps) and name == "entropy":
        axes.axhline(smooth(values)[0], color=colour, linestyle=":", linewidth=1)
    held_out = _points(run.held_out, name)
    if len(held_out[0]):
        label = f"{run.name}, held out"
        axes.plot(*held_out, marker="o", markersize=4, linestyle="--", color=colour, label=label)


def _by_kind(axes: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    for name, colour in zip(names, _colours(len(names)), strict=True):
        axes.plot(*_points(rows, name), marker=".", color=colour, label=name.partition("/")[2])


def _points(rows: Sequence[Row], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of a quantity, of the rows that have it."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    steps, values = np.array(points, dtype=float).reshape(-1, 2).T
    return steps, values


def _finish(axes: Axes, name: str, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel(_UNITS.get(name, ""))
    highest = axes.dataLim.ymax
    if name in _LOGARITHMIC and highest > 2 * axes.dataLim.minposy:  # Else there is nothing to see by it.
        axes.set_yscale("log", nonpositive="mask")
    if name in _FROM_ZERO:
        axes.set_ylim(bottom=0, top=1.05 * highest if highest > 0 else 1)
    if name in _SHARES:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """Runs, and those that were evaluated, once for all panels."""
    lines = {line.get_label(): line for axes in panels for line in axes.get_legend_handles_labels()[0]}
    names = sorted(map(str, lines))
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper left", ncols=3, frameon=False, fontsize=9
    )


def smooth(values: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Running mean over a share of the run, narrower at its ends."""
    half = max(1, int(len(values) * share / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    smoothed: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return smoothed


def _last(run: Run) -> str:
    last = run.last()
    return f"{last[0]} {last[1]:.4f}" if last else "-"


def _best(run: Run) -> str:
    best = run.best()
    return f"{best[0]} {best[1][best[0]]:.4f}" if best else "-"
