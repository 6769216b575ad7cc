"""Pictures of runs: a panel for every quantity of their metrics, several runs over each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finesight.errors import InputError
from finesight.train.track import EVALUATION, METRICS, read_metrics
from finesight.ui.palette import TYPE_COLOURS

FIRST = ("loss", "dense", "reward", "learning_rate", "gradient_norm", "samples_per_s")
"""The panels that come first; what else a run logs follows by name."""
ENDINGS = (".png", ".svg", ".pdf", ".html")
_LOGARITHMIC = {"gradient_norm", "learning_rate"}
_UNITS = {"loss": "nats", "dense": "nats", "samples_per_s": "questions / s"}
_NOT_DRAWN = {"step", "seconds", "token_accuracy"}
_HELD_OUT = {"loss": -1, "reward": 1}
"""What may be measured on held-out data, each also by kind of question, and whether more of it is better."""
_COLUMNS, _PANEL = 3, (4.2, 2.8)


class Run(NamedTuple):
    """The numbers of a run so far."""

    name: str
    folder: Path
    training: list[dict[str, float]]
    held_out: list[dict[str, float]]

    @property
    def done(self) -> bool:
        return (self.folder / "model" / "config.json").is_file()

    def summary(self) -> dict[str, object]:
        """For machines: how far it is, its last row, and its best evaluation."""
        return {
            "run": str(self.folder),
            "done": self.done,
            "steps": int(self.training[-1]["step"]),
            "last": self.training[-1],
            "best_held_out": self.best(),
        }

    def best(self) -> dict[str, float] | None:
        """The evaluation with the lowest loss, or the highest reward; None where there is none."""
        for name, better in _HELD_OUT.items():
            if rows := [row for row in self.held_out if name in row]:
                return max(rows, key=lambda row: better * row[name])
        return None


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs of folders, named by as much of their paths as tells them apart.

    Raises:
        InputError: a folder without metrics.
    """
    runs = []
    for folder in folders:
        training = read_metrics(folder)
        if not training:
            raise InputError(f"{folder}: has no rows in {METRICS} (yet); name the `out` of a training run")
        runs.append(Run(_name(folder, folders), folder, training, read_metrics(folder, EVALUATION)))
    return runs


def draw_runs(runs: Sequence[Run]) -> Figure:
    """A figure of all runs."""
    rows = [row for run in runs for row in (*run.training, *run.held_out)]
    drawn = sorted({name for row in rows for name in row if "/" not in name} - _NOT_DRAWN)
    panels = [*(n for n in FIRST if n in drawn), *(n for n in drawn if n not in FIRST)]
    kinds = sorted({name for row in runs[0].held_out for name in row if "/" in name})
    count = len(panels) + bool(kinds)
    columns = min(_COLUMNS, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(columns * _PANEL[0], lines * _PANEL[1]), layout="constrained")
    axes = [figure.add_subplot(lines, columns, n + 1) for n in range(count)]
    colours = list(TYPE_COLOURS.values())[1:]
    for panel, where in zip(panels, axes, strict=False):
        for number, run in enumerate(runs):
            _curve(where, run, panel, colours[number % len(colours)])
        _finish(where, panel, legend=panel == panels[0])
    if kinds:
        for number, kind in enumerate(kinds):
            rows = [row for row in runs[0].held_out if kind in row]
            label = kind.partition("/")[2]
            axes[-1].plot(
                [r["step"] for r in rows],
                [r[kind] for r in rows],
                marker=".",
                color=colours[number % len(colours)],
                label=label,
            )
        what = kinds[0].partition("/")[0]
        _finish(axes[-1], f"held-out {what} by kind, {runs[0].name}", legend=True)
    return figure


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
        f"<td>{run.training[-1].get('loss', run.training[-1].get('dense', float('nan'))):.4f}</td>"
        f"<td>{_best(run)}</td><td>{'done' if run.done else 'running'}</td></tr>"
        for run in runs
    )
    again = f'<meta http-equiv="refresh" content="{max(1, round(reload))}">' if reload else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}<title>finesight plot</title><style>'
        "body{font:15px system-ui,sans-serif;margin:2em;background:#fff;color:#222}img{max-width:100%}"
        "td,th{padding:.2em 1em;text-align:right}td:first-child,th:first-child{text-align:left}"
        "@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}"
        "img{filter:invert(.9) hue-rotate(180deg)}}"
        "</style></head><body><h1>finesight plot</h1><table><tr><th>run</th><th>step</th><th>loss</th>"
        f"<th>best held-out</th><th></th></tr>{rows}</table>"
        f'<img alt="curves of the runs" src="data:image/png;base64,{png}"></body></html>'
    ).encode()


def _curve(axes: Axes, run: Run, name: str, colour: str) -> None:
    """Raw values faint, their running mean on top; of the loss also what was held out."""
    points = [(row["step"], row[name]) for row in run.training if name in row]
    if points:
        steps, values = np.array(points).T
        axes.plot(steps, values, alpha=0.2, linewidth=0.8, color=colour)
        axes.plot(steps, smooth(values), color=colour, label=run.name)
    held = [(row["step"], row[name]) for row in run.held_out if name in row]
    if held:
        label = f"{run.name}, held out"
        axes.plot(*np.array(held).T, marker="o", markersize=4, linestyle="--", color=colour, label=label)


def _finish(axes: Axes, name: str, legend: bool) -> None:
    axes.set_title(name.replace("_", " "), fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel(_UNITS.get(name, "nats" if "loss" in name else ""))
    if name in _LOGARITHMIC and axes.dataLim.ymax > 0:
        axes.set_yscale("log", nonpositive="mask")
    axes.grid(alpha=0.3)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def smooth(values: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Running mean over a share of the run, narrower at its ends."""
    half = max(1, int(len(values) * share / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    smoothed: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return smoothed


def _best(run: Run) -> str:
    best = run.best()
    return f"{next(best[name] for name in _HELD_OUT if name in best):.4f}" if best else "-"


def _name(folder: Path, all_of_them: Sequence[Path]) -> str:
    """The shortest end of a path that no other one has."""
    parts = folder.resolve().parts
    for length in range(1, len(parts)):
        if sum(other.resolve().parts[-length:] == parts[-length:] for other in all_of_them) == 1:
            return "/".join(parts[-length:])
    return str(folder)
