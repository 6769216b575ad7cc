"""The numbers of training runs so far, of whatever recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from finesight.errors import InputError
from finesight.train.track import EVALUATION, METRICS, read_metrics

Row = dict[str, float]
_BEST = {"reward": max, "loss": min}
"""What a run is judged by: the first of these that it logs, and whether more or less of it is better."""


class Run(NamedTuple):
    """Rows by step: of training, and of evaluation."""

    name: str
    folder: Path
    training: list[Row]
    held_out: list[Row]

    @property
    def done(self) -> bool:
        return (self.folder / "model" / "config.json").is_file()

    def last(self) -> tuple[str, float] | None:
        """What it is judged by and the last of it in training; None where it has logged nothing of the kind."""
        for name in (*_BEST, "dense"):
            for row in reversed(self.training):
                if name in row:
                    return name, row[name]
        return None

    def best(self) -> tuple[str, Row] | None:
        """What it is judged by and its best evaluation; None where there was none."""
        for name, better in _BEST.items():
            if rows := [row for row in self.held_out if name in row]:
                return name, better(rows, key=lambda row: row[name])
        return None

    def summary(self) -> dict[str, object]:
        """For machines: how far it is, its last row, and its best evaluation."""
        best = self.best()
        return {
            "run": str(self.folder),
            "done": self.done,
            "steps": int(self.training[-1]["step"]),
            "last": self.training[-1],
            "best_held_out": best[1] if best else None,
        }


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


def _name(folder: Path, all_of_them: Sequence[Path]) -> str:
    """The shortest end of a path that no other one has."""
    parts = folder.resolve().parts
    for length in range(1, len(parts)):
        if sum(other.resolve().parts[-length:] == parts[-length:] for other in all_of_them) == 1:
            return "/".join(parts[-length:])
    return str(folder)
