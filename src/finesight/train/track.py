"""What a run leaves behind while it goes: files of numbers for machines, a progress bar for people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from finesight.data.atomic import write_text
from finesight.train.ranks import Ranks

METRICS = "metrics.jsonl"
EVALUATION = "evaluation.jsonl"


class Track:
    """Rows of numbers by step, of the first rank; trackers get them too.

    Rows past the step a run resumes from are dropped, so none comes twice.
    """

    def __init__(self, run: Path, title: str, total: int, done: int, ranks: Ranks) -> None:
        self._run = run
        self._ranks = ranks
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True, quiet=not ranks.main),
        )
        self._task = self._bar.add_task(title, total=total, completed=done, note="")
        self._began = time.monotonic()
        if ranks.main:
            for name in (METRICS, EVALUATION):
                _keep_until(run, name, done)

    def __enter__(self) -> Track:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def log(self, step: int, **numbers: float) -> None:
        """Add a row of training; `seconds` since the start of this process is added to it."""
        self._add(METRICS, step, numbers | {"seconds": time.monotonic() - self._began})
        self._ranks.track(step, {f"train/{name}": number for name, number in numbers.items()})
        shown = " ".join(f"{n} {numbers[n]:.3f}" for n in ("loss", "dense", "reward") if n in numbers)
        self._bar.update(
            self._task, completed=step, note=f"{shown}  {numbers.get('samples_per_s', 0):.0f} samples/s"
        )

    def evaluated(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add a row of evaluation, if there is one; the first number is the one that matters most."""
        if not numbers:
            return
        self._add(EVALUATION, step, numbers)
        self._ranks.track(step, {f"eval/{name}": number for name, number in numbers.items()})
        name, number = next(iter(numbers.items()))
        self._bar.console.print(f"step {step}: held-out {name} {number:.4f}", highlight=False)

    def _add(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        if self._ranks.main:
            # Six digits, not six places: the rates of a policy begin below a millionth.
            row: dict[str, Any] = {"step": step, **{k: float(f"{v:.6g}") for k, v in numbers.items()}}
            with (self._run / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def read_metrics(run: Path, name: str = METRICS) -> list[dict[str, float]]:
    """The rows of a file of numbers of a run; a last line that a kill cut off is left out."""
    path = run / name
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _keep_until(run: Path, name: str, step: int) -> None:
    if (run / name).is_file():
        rows = [row for row in read_metrics(run, name) if row["step"] <= step]
        write_text(run / name, "".join(json.dumps(row) + "\n" for row in rows))
