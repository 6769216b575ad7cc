"""The store of attempts: an SQLite file with one table that a person can query, `attempts`, a row an attempt.

What is short is a column of its own; features, calls and evidence are JSON, which SQLite reads with json_extract.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from finesight.data.atomic import replacing
from finesight.errors import InputError
from finesight.schema.acceptance import Acceptance
from finesight.schema.feedback import Attempt
from finesight.schema.plan import Plan
from finesight.video.feedback import Judged, attempts_of
from finesight.video.folder import read_record, read_timeline

STORE = "feedback.sqlite"
TABLE = "attempts"
_PATIENCE_S = 60.0
_NUMBERS = ("shot", "start", "seconds", "round", "propensity", "reward")
_LISTS = ("arms", "tools", "failed")
_JSON = ("worse", "features", "calls", "evidence", "versions")
COLUMNS = tuple(Attempt.model_fields)


def remember(
    run: Path, plan: Plan, acceptance: Acceptance | None, ffmpeg: str, store: Path | None = None
) -> int:
    """Append the attempts of a judged run to a store, that of the run where none is named; how many were new.

    Args:
        acceptance: the verdict; None where nothing was called, so that shots can only have been left.

    Raises:
        InputError: the store is none, or cannot be written.
    """
    record = read_record(run)
    versions = {
        **record.versions,
        "ffmpeg": ffmpeg,
        "model": record.model,
        "weights": record.weights,
        "rules": plan.rules,
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    judged = Judged(read_timeline(run), plan, acceptance, record.mark, versions, now)
    return add(store or run / STORE, attempts_of(judged))


def add(store: Path, attempts: Iterable[Attempt]) -> int:
    """Append what is not there yet, all or nothing; how many that were.

    Raises:
        InputError: the file is no store, or cannot be written.
    """
    rows = [_row(attempt) for attempt in attempts]
    marks = ", ".join("?" * len(COLUMNS))
    with _open(store, write=True) as base:
        before = base.total_changes
        base.executemany(f"INSERT OR IGNORE INTO {TABLE} VALUES ({marks})", rows)
        base.commit()
        return base.total_changes - before


def read(store: Path) -> list[Attempt]:
    """All attempts in the order in which they were added; of a store, or of a JSONL file of `export`.

    Raises:
        InputError: it is neither.
    """
    if not store.is_file():
        raise InputError(
            f"{store}: is not there; name a store of `finesight video run` or `finesight video accept`"
        )
    with store.open("rb") as file:
        is_store = file.read(15) == b"SQLite format 3"
    if not is_store:
        return list(_read_lines(store))
    with _open(store) as base:
        rows = base.execute(
            f"SELECT {', '.join(map(_quoted, COLUMNS))} FROM {TABLE} ORDER BY rowid"
        ).fetchall()
    return [_attempt(store, row) for row in rows]


def read_all(stores: Iterable[Path]) -> list[Attempt]:
    """The attempts of several stores, each once.

    Raises:
        InputError: as `read`.
    """
    return list({attempt.id: attempt for store in stores for attempt in read(store)}.values())


def export(attempts: Iterable[Attempt], to: Path) -> None:
    """Write attempts as JSONL, one a line, whole or not at all."""
    with replacing(to) as file:
        file.writelines(attempt.model_dump_json().encode() + b"\n" for attempt in attempts)


@contextmanager
def _open(store: Path, write: bool = False) -> Iterator[sqlite3.Connection]:
    try:
        if write:
            store.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(store, timeout=_PATIENCE_S)) as base:
            if write:
                base.execute(_schema())
            yield base
    except (sqlite3.Error, OSError) as error:
        raise InputError(
            f"{store}: cannot be used as a feedback store ({error}); name another file"
        ) from error


def _schema() -> str:
    kinds = {name: "REAL" for name in _NUMBERS} | {"shot": "INTEGER", "round": "INTEGER"}
    columns = [f"{_quoted(name)} {kinds.get(name, 'TEXT')}" for name in COLUMNS]
    columns[COLUMNS.index("id")] += " PRIMARY KEY"
    return f"CREATE TABLE IF NOT EXISTS {TABLE} ({', '.join(columns)})"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _row(attempt: Attempt) -> list[Any]:
    told = attempt.model_dump(mode="json")
    told |= {name: ", ".join(told[name]) for name in _LISTS}
    told |= {name: json.dumps(told[name], ensure_ascii=False) for name in _JSON}
    return [told[name] for name in COLUMNS]


def _attempt(store: Path, row: tuple[Any, ...]) -> Attempt:
    told = dict(zip(COLUMNS, row, strict=True))
    try:
        told |= {name: told[name].split(", ") if told[name] else [] for name in _LISTS}
        told |= {name: json.loads(told[name]) for name in _JSON}
        return Attempt.model_validate(told)
    except (ValueError, AttributeError) as error:
        raise _unreadable(store, f"attempt {told['id']}", error) from error


def _read_lines(file: Path) -> Iterator[Attempt]:
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            yield Attempt.model_validate_json(line)
        except ValidationError as error:
            raise _unreadable(file, f"line {number}", error) from error


def _unreadable(file: Path, what: str, error: Exception) -> InputError:
    told = " ".join(str(error).split())[:200]
    return InputError(
        f"{file}: {what} is no attempt ({told}); give a store, or what `finesight video feedback --export` wrote"
    )
