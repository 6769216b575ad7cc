"""Long work that is done once, and again only when something that it depends on has changed.

A stage has a stamp in its folder, `stage.json`: the settings it was begun with, and a mark of everything it
reads. Where the stamp does not say `done`, the work was cut off and goes on; where it does, nothing is repeated for
as long as settings and marks are the same and what the stage made is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from finesight.data.atomic import write_text
from finesight.errors import InputError

STAMP = "stage.json"
ABSENT = "absent"
_READ_BYTES = 1 << 28
"""Files up to this size are told apart by what is in them, larger ones by size and time."""
_SHOWN = 3
_WAIT_S = 0.2


class Source(NamedTuple):
    """A file or folder that a stage reads; its mark is of what the files hold, or (pictures) of a list of them."""

    path: Path
    by_content: bool = True


class Stage(NamedTuple):
    """A piece of work and what it depends on.

    settings: what its result depends on, as JSON has it. makes: what is there when it is done. work: does it, or
    goes on with what a run that was cut off has left. forget: takes away what was made with other settings or other
    input. shared: all processes do the work together; else the first one does it and the others wait for its stamp.
    """

    name: str
    folder: Path
    work: Callable[[], object]
    settings: Mapping[str, Any] = {}
    reads: tuple[Source, ...] = ()
    makes: tuple[Path, ...] = ()
    forget: Callable[[], object] = lambda: None
    shared: bool = False


class Stamp(BaseModel):
    """What a stage was begun with. starts: how often, until it was done; seconds: that the last start took."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    settings: dict[str, Any]
    reads: dict[str, str]
    done: bool = False
    starts: int = 1
    seconds: float = 0.0


class Outlook(NamedTuple):
    """Whether a stage has to be worked on and why; anew: what is there has to go first; stamp: of that work."""

    due: bool
    why: str
    anew: bool
    stamp: Stamp


Tell = Callable[[Stage, Outlook], object]


def look(stage: Stage) -> Outlook:
    """What would become of a stage now; nothing is done."""
    now = Stamp(settings=_plain(stage.settings), reads={str(s.path): mark(s) for s in stage.reads})
    if not (stage.folder / STAMP).is_file():
        return Outlook(True, "not done yet", False, now)
    before = read_stamp(stage.folder)
    if before is None:
        return Outlook(True, f"{stage.folder / STAMP} cannot be read", True, now)
    if different := changes(before, now):
        return Outlook(True, _listed(different), True, now)
    if not before.done:
        again = before.model_copy(update={"starts": before.starts + 1})
        return Outlook(True, "was cut off, goes on", False, again)
    if gone := [path for path in stage.makes if not path.exists()]:
        return Outlook(True, f"{gone[0]} is gone", True, now)
    return Outlook(False, "nothing has changed", False, before)


def do(stage: Stage, tell: Tell = lambda stage, outlook: None, rank: int = 0) -> Stamp:
    """Work on a stage if it is due; the stamp it has then.

    Args:
        tell: hears what is to become of the stage, before it does.
        rank: of this process; all of them come here, and only the first one decides and writes the stamp.

    Raises:
        InputError: what the stage was to make is not there after its work.
    """
    outlook = look(stage)
    if rank:
        return _follow(stage, outlook.stamp)
    tell(stage, outlook)
    if not outlook.due:
        return outlook.stamp
    if outlook.anew:
        stage.forget()
    _write(stage, outlook.stamp)
    began = time.monotonic()
    stage.work()
    if gone := [path for path in stage.makes if not path.exists()]:
        raise InputError(f"{stage.name}: its work is over and {gone[0]} is not there; run it again")
    seconds = round(time.monotonic() - began, 3)
    done = outlook.stamp.model_copy(update={"done": True, "seconds": seconds})
    _write(stage, done)
    return done


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of a folder; None where there is none that can be read."""
    try:
        return Stamp.model_validate_json((folder / STAMP).read_bytes())
    except (OSError, ValidationError):
        return None


def changes(before: Stamp, now: Stamp) -> list[str]:
    """In what two stamps differ, each as a reader would be told it."""
    old, new = dict(_flat(before.settings)), dict(_flat(now.settings))
    said = [
        f"{name} is {_short(new.get(name))}, was {_short(old.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    paths = sorted(before.reads.keys() | now.reads.keys())
    return said + [f"{p} has changed" for p in paths if before.reads.get(p) != now.reads.get(p)]


def mark(source: Source) -> str:
    """What a source is told from others of its name by; `absent` where there is none."""
    path = source.path
    if path.is_file():
        return _mark_of_file(path, source.by_content)
    if not path.is_dir():
        return ABSENT
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(
            f"{file.relative_to(path).as_posix()}|{_mark_of_file(file, source.by_content)}\n".encode()
        )
    return digest.hexdigest()


def put_aside(folder: Path, replaced: Path, stays: Sequence[str] = ()) -> None:
    """Move what is in a folder to `replaced/NAME-N`, but for the names that stay; its stamp goes last."""
    there = [path for path in sorted(folder.iterdir()) if path.name not in stays]
    number = 1 + sum(1 for _ in replaced.glob(f"{folder.name}-*"))
    target = replaced / f"{folder.name}-{number}"
    target.mkdir(parents=True)
    for path in sorted(there, key=lambda path: path.name == STAMP):
        path.rename(target / path.name)


def _follow(stage: Stage, mine: Stamp) -> Stamp:
    """Wait for the first process to be done with a stage, and take part in the work where it is shared.

    By the stamp and not by a barrier, which would give up after some minutes.
    """
    took_part = False
    while True:
        there = read_stamp(stage.folder)
        if there is not None and not changes(there, mine):
            if there.done and all(path.exists() for path in stage.makes):
                return there
            if stage.shared and not there.done and not took_part:
                stage.work()
                took_part = True
        time.sleep(_WAIT_S)


def _write(stage: Stage, stamp: Stamp) -> None:
    write_text(stage.folder / STAMP, stamp.model_dump_json(indent=1) + "\n")


def _mark_of_file(path: Path, by_content: bool) -> str:
    found = path.stat()
    if by_content and found.st_size <= _READ_BYTES:
        return _digest(path, found.st_size, found.st_mtime_ns)
    return f"{found.st_size} bytes of {found.st_mtime_ns}"


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, time_ns: int) -> str:
    """Of a file as it was at a time, so that several stages may ask."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder in a fixed order, through links."""
    found = (Path(place) / name for place, _, names in os.walk(folder, followlinks=True) for name in names)
    return iter(sorted(found))


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted names."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _short(value: Any) -> str:
    said = "none" if value is None else json.dumps(value)
    return said if len(said) <= 60 else said[:57] + "..."


def _listed(said: Sequence[str]) -> str:
    more = len(said) - _SHOWN
    return "; ".join(said[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
