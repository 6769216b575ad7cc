"""Bars on stderr for work that is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

B = TypeVar("B", bound=Sized)


@contextmanager
def count_bar() -> Iterator[Callable[[Iterable[Any], str], Iterable[Any]]]:
    """Gives what hands on items and counts them under a title, where nobody knows how many there will be."""
    columns = SpinnerColumn(), TextColumn("{task.description} {task.completed}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield lambda items, title: bar.track(items, description=title, total=None)


def groups_bar(batches: Iterable[B], total: int | None, console: Console | None = None) -> Iterator[B]:
    """Hand on batches of rollout groups and count the groups."""
    with Progress(console=console or Console(stderr=True)) as bar:
        task = bar.add_task("groups", total=total)
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))
