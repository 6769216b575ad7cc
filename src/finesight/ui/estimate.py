"""An estimate of a training run as a table for a terminal: layouts side by side, assumptions below."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.train.estimate import Estimate, LayoutEstimate, Memory
from finesight.ui.terminal import plain

Cell = Callable[[LayoutEstimate], str]

_WORK: dict[str, Cell] = {
    "sequences": lambda e: f"{e.workload.sequences:,}",
    "pictures encoded": lambda e: f"{e.workload.images:,}",
    "tokens": lambda e: _short(e.workload.tokens),
    "of them answers": lambda e: _short(e.workload.answers),
    "attended pairs": lambda e: _short(e.workload.attended),
}
_TIME: dict[str, Cell] = {
    "FLOPs, vision": lambda e: f"{e.flops.vision:.3g}",
    "FLOPs, decoder": lambda e: f"{e.flops.decoder:.3g}",
    "FLOPs, head": lambda e: f"{e.flops.head:.3g}",
    "FLOPs": lambda e: f"{e.flops.total:.3g}",
    "hours": lambda e: f"{e.hours:,.3g}",
}


def estimate_block(found: Estimate) -> RenderableType:
    """The table of an estimate, then what it rests on, line by line."""
    title = f"{plain(found.model)}: {_short(found.weights)} weights, {_short(found.trained)} of them trained"
    table = Table(title=title)
    table.add_column("one epoch")
    for layout in found.layouts:
        table.add_column(layout.workload.layout, justify="right")
    for section in (_WORK, _TIME, _held()):
        for name, show in section.items():
            table.add_row(name, *map(show, found.layouts))
        table.add_section()
    return Group(table, Text("assumed:"), *(Text(f"- {line}") for line in found.assumptions))


def _held() -> dict[str, Cell]:
    """A row for each part of a GPU's memory, their sum, and whether it fits."""
    parts: dict[str, Cell] = {f"GB, {name}": _part(name) for name in Memory.model_fields}
    return parts | {"GB on a GPU": _part("total"), "fits": lambda e: "yes" if e.fits else "no"}


def _part(name: str) -> Cell:
    return lambda e: f"{getattr(e.memory, name) / 1e9:.2f}"


def _short(number: float) -> str:
    """Three digits and a unit: 1.2 k, 3.45 M, 6.78 G, 9.1 T."""
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:g}"
