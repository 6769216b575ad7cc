"""Figures of several seeds as one table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

Figures = Mapping[str, float | None]


def table(results: Mapping[str, Sequence[Figures]]) -> Table:
    """Mean and standard deviation over the seeds, a column a contender; what one does not have is left out."""
    shown = Table("figure", *results)
    for name in dict.fromkeys(n for figures in results.values() for one in figures for n in one):
        shown.add_row(
            name.replace("_", " "), *(_told([one.get(name) for one in found]) for found in results.values())
        )
    return shown


def _told(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return f"{statistics.mean(known):.3f} ± {statistics.stdev(known) if len(known) > 1 else 0.0:.3f}"
