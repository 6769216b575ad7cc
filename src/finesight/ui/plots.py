"""The training curve of the demo's report."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from finesight.ui.curves import smooth

_SHOWN = (("loss", "answer loss"), ("dense", "dense loss"))


def training_curve(rows: Sequence[dict[str, float]], width: float = 7.0, height: float = 3.0) -> bytes:
    """A PNG of the losses over the steps, raw and smoothed; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for column, label in _SHOWN:
        points = [(row["step"], row[column]) for row in rows if column in row]
        if not points:
            continue
        steps, values = np.array(points).T
        (line,) = axes.plot(steps, values, alpha=0.25, linewidth=0.8)
        axes.plot(steps, smooth(values), color=line.get_color(), label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("nats")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()
