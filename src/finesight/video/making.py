"""Makes chunks: several at a time, each whole on the disk or not there, and none twice."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from finesight.data.atomic import settle
from finesight.errors import InputError
from finesight.schema.processed import Made
from finesight.video.chunks import Chunk, with_files
from finesight.video.ffmpeg import Ran, Runner
from finesight.video.journal import Journal
from finesight.video.pace import Pace, shown

PART = ".part"
_FULL = "No space left on device"
_STOPPED = "stopped; run it again to go on"
_EVEN_S = 1e-6

Watch = Callable[[float, float], object]
"""Hears how much is done, and of how much."""


class Order(NamedTuple):
    """A chunk that is wanted. commands: with SOURCE and CHUNK for files; the later ones if one fails."""

    key: str
    chunk: Chunk
    commands: tuple[tuple[str, ...], ...]


class Workshop:
    """Makes chunks in a folder; no other process can at the same time."""

    def __init__(self, folder: Path, journal: Path, source: Path, pace: Pace, runner: Runner) -> None:
        """
        Raises:
            InputError: another process works there, or the journal is no journal.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._source, self._pace, self._runner = folder, source, pace, runner
        self._journal = Journal(journal, Made)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        for left in folder.glob(f"*{PART}"):
            left.unlink()
        self._checked: dict[str, bool] = {}

    def close(self) -> None:
        self._journal.__exit__(None, None, None)

    def made(self) -> dict[str, Made]:
        """The chunks that are there, by key; what is not as it was noted does not count."""
        noted = {made.key: made for made in self._journal.records}
        return {key: made for key, made in noted.items() if self._sound(made)}

    def make(
        self, orders: Sequence[Order], jobs: int, watch: Watch = lambda done, of: None
    ) -> dict[str, Made]:
        """All chunks that are ordered, by key; those that are there are not made again. The longest are begun first.

        Raises:
            InputError: a chunk does not come out as it should; those that are done stay.
        """
        there = self.made()
        wanted = {order.key: order for order in orders}
        left = [order for key, order in wanted.items() if key not in there]
        total = sum(order.chunk.frames for order in wanted.values())
        ready = total - sum(order.chunk.frames for order in left)
        running: dict[str, int] = {}

        def hear(key: str, frames: int) -> None:
            if self._stopped.is_set():
                raise InputError(_STOPPED)
            with self._lock:
                running[key] = frames
                watch(ready + sum(running.values()), total)

        watch(ready, total)
        with ThreadPoolExecutor(max(1, jobs), thread_name_prefix="chunks") as pool:
            longest = sorted(left, key=lambda order: -order.chunk.frames)
            futures = [pool.submit(self._make, order, hear) for order in longest]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException as error:
                # Where a chunk has failed, those that have begun end, and stay; who interrupts does not want to wait.
                if not isinstance(error, InputError):
                    self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        made = there | {one.key: one for one in (future.result() for future in futures)}
        return {key: made[key] for key in wanted}

    def _make(self, order: Order, hear: Callable[[str, int], None]) -> Made:
        part = self._folder / f"{order.key}.{uuid.uuid4().hex[:8]}{PART}"
        started = time.monotonic()
        complaint = ""
        try:
            for command in order.commands:
                told = with_files(command, source=str(self._source), chunk=str(part))
                ran = self._runner.follow(["-y", *told], lambda frames: hear(order.key, frames))
                complaint = _complaint(order.chunk, ran, part, self._pace)
                if not complaint:
                    return self._note(order, part, command, time.monotonic() - started)
                if _FULL in ran.said or self._stopped.is_set():
                    break
        finally:
            part.unlink(missing_ok=True)
        frames = f"{order.chunk.first} to {order.chunk.first + order.chunk.frames - 1}"
        raise InputError(f"{self._source}: {order.chunk.named} (frames {frames}): {complaint}")

    def _note(self, order: Order, part: Path, command: tuple[str, ...], seconds: float) -> Made:
        file = self._folder / f"{order.key}.mp4"
        settle(part, file)
        made = Made(
            key=order.key,
            file=file.name,
            frames=order.chunk.frames,
            bytes=file.stat().st_size,
            sha256=digest(file),
            seconds=round(seconds, 3),
            command=command,
        )
        with self._lock:
            self._journal.append([made])
            self._checked[made.key] = True
        return made

    def _sound(self, made: Made) -> bool:
        """Whether a chunk is on the disk as it was noted; each is read once only."""
        if made.key not in self._checked:
            file = self._folder / made.file
            there = file.is_file() and file.stat().st_size == made.bytes
            self._checked[made.key] = there and digest(file) == made.sha256
        return self._checked[made.key]


def _complaint(chunk: Chunk, ran: Ran, part: Path, pace: Pace) -> str:
    """What is wrong with a chunk that ffmpeg has made; "" where nothing is. Its exit code alone is not believed."""
    said = ran.said.splitlines()[-1] if ran.said else f"exit code {ran.code}"
    if _FULL in ran.said:
        return f"the disk is full ({part.parent}); free some of it and run it again, what is done stays"
    if ran.code != 0 or not part.is_file():
        return f"ffmpeg failed: {said}"
    try:
        came = shown(part).times
    except InputError as error:
        return f"what ffmpeg made cannot be read ({error})"
    remedy = "its file is damaged there, or a tool changes the number of frames; leave that tool off (docs/rules.md)"
    if len(came) != chunk.frames:
        return f"{len(came)} frames came out of {chunk.frames}; {remedy}"
    return complaint_of_times(came, pace, chunk.first, float(pace.unit) / 2, remedy)


def complaint_of_times(came: Sequence[float], pace: Pace, first: int, tolerance: float, remedy: str) -> str:
    """Where frames are not shown when those of the source are, from the frame `first` on; "" where all are."""
    begin = pace.seconds(first)
    for number, time_ in enumerate(came, first):
        wanted = pace.seconds(number) - begin
        if abs(time_ - wanted) > tolerance + _EVEN_S:
            return f"frame {number} is shown at {time_:.4f} s of it instead of {wanted:.4f} s; {remedy}"
    return ""


def digest(file: Path) -> str:
    """SHA-256 of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
