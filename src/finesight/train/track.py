"""What a run leaves behind while it goes: metrics.jsonl for machines, a progress bar for people."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from finesight.data.atomic import write_text

METRICS = "metrics.jsonl"


class Track:
    """Rows of numbers by step. Rows past the step a run resumes from are dropped, so none comes twice."""

    def __init__(self, run: Path, title: str, total: int, done: int = 0) -> None:
        self._path = run / METRICS
        _keep_until(self._path, done)
        self._file = self._path.open("a", encoding="utf-8")
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, completed=done, note="")
        self._began = time.monotonic()

    def __enter__(self) -> Track:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._file.close()

    def log(self, step: int, **numbers: float) -> None:
        """Add a row; `seconds` since the start of this process is added to it."""
        row: dict[str, Any] = {"step": step, **{k: round(v, 6) for k, v in numbers.items()}}
        row["seconds"] = round(time.monotonic() - self._began, 3)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def advance(self, step: int, note: str) -> None:
        self._bar.update(self._task, completed=step, note=note)


def read_metrics(run: Path) -> list[dict[str, float]]:
    """The rows of a run's metrics.jsonl; a last line that a kill cut off is left out."""
    path = run / METRICS
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _keep_until(path: Path, step: int) -> None:
    rows = [row for row in read_metrics(path.parent) if row["step"] <= step]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
