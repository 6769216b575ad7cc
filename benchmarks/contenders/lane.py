"""A contender in a process of its own, one step of training at a time: clocks, counters and peak memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple


class Job(NamedTuple):
    """What a contender is to train, and how many sequences it puts through the model at a time."""

    contender: str
    batch: int
    data: Path
    model: Path
    learning_rate: float
    threads: int


class Seconds(NamedTuple):
    """Of the clock on the wall, and those this process computed."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: Seconds) -> Seconds:
        return Seconds(self.wall - start.wall, self.cpu - start.cpu)


class Part(NamedTuple):
    """What a part of a step took, and what went through the model in it.

    pictures: that passed the vision tower. columns: of the sequences the decoder computed, padding included.
    """

    seconds: Seconds = Seconds(0.0, 0.0)
    pictures: int = 0
    columns: int = 0


class Step(NamedTuple):
    """One optimiser step.

    parts: of the work that is compared, by name. whole: with reading, resizing, tokenising and all else. loss: mean
    over answer tokens. norms: of the gradient of each weight, in the first step only. peak, before: megabytes at
    most, and before training.
    """

    parts: dict[str, Part]
    whole: Seconds
    loss: float
    norms: dict[str, float] | None
    peak: float
    before: float

    def took(self, *names: str) -> Seconds:
        """The time of some parts together."""
        found = [self.parts[name].seconds for name in names]
        return Seconds(sum(s.wall for s in found), sum(s.cpu for s in found))


@dataclass
class Track:
    """The contender's side: `wait` for the go, do each `part` of the step, `finish` it.

    Parts may be left and come back to, and lie in one another: time and work count to the innermost that is open,
    and what lies in none of them to the whole alone.
    """

    pipe: Connection
    first: bool = True
    before: float = 0.0
    parts: dict[str, Part] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _began: Seconds = field(default_factory=Seconds.now)
    _turned: Seconds = field(default_factory=Seconds.now)

    def watch(self, model: Any) -> None:
        """Count what passes the vision tower and the decoder of a Qwen2.5-VL."""
        model.model.visual.register_forward_hook(self._seen, with_kwargs=True)
        model.model.language_model.register_forward_pre_hook(self._read, with_kwargs=True)
        self.before = _peak()

    def wait(self) -> bool:
        """False where there is nothing more to do."""
        goes: bool = self.pipe.recv()
        self._began, self.parts = Seconds.now(), {}
        return goes

    def begin(self, name: str) -> None:
        """Open a part, inside the one that is open."""
        self._turn()
        self._open.append(name)

    def end(self) -> None:
        """Close the innermost part."""
        self._turn()
        self._open.pop()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self.begin(name)
        yield
        self.end()

    def finish(self, loss: float, norms: dict[str, float] | None) -> None:
        """Report a step."""
        whole = Seconds.now().since(self._began)
        self.pipe.send(Step(self.parts, whole, loss, norms, _peak(), self.before))
        self.first = False

    def gradients(self, model: Any) -> dict[str, float] | None:
        """The norm of the gradient of each trained weight in the first step; later it would cost time."""
        if not self.first:
            return None
        return {n: p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}

    def _turn(self) -> None:
        """Give the time since a part was last opened or closed to the one that is open now."""
        now = Seconds.now()
        took, self._turned = now.since(self._turned), now
        if self._open:
            part = self._now()
            self._set(
                part._replace(seconds=Seconds(part.seconds.wall + took.wall, part.seconds.cpu + took.cpu))
            )

    def _now(self) -> Part:
        return self.parts.get(self._open[-1], Part())

    def _set(self, part: Part) -> None:
        self.parts[self._open[-1]] = part

    def _seen(self, _module: Any, args: tuple, kwargs: dict, _out: Any) -> None:
        if self._open:
            part = self._now()
            pictures = len(kwargs["grid_thw"] if "grid_thw" in kwargs else args[1])
            self._set(part._replace(pictures=part.pictures + pictures))

    def _read(self, _module: Any, _args: tuple, kwargs: dict) -> None:
        if self._open:
            part = self._now()
            columns = kwargs["inputs_embeds"].shape[:2].numel()
            self._set(part._replace(columns=part.columns + columns))


class Lane:
    """The other side: a child process that steps when told to."""

    def __init__(self, job: Job, train: Callable[[Job, Track], None]) -> None:
        # A new process, not a fork: each imports only what its contender needs, so that memory compares.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(train, job, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.job = job

    def step(self) -> Step:
        """Have one step done.

        Raises:
            SystemExit: the contender died.
        """
        self._pipe.send(True)
        try:
            done: Step = self._pipe.recv()
        except EOFError:
            raise SystemExit(f"{self.job.contender} failed, see above") from None
        return done

    def close(self) -> None:
        self._pipe.send(False)
        self._process.join(30)


def apart(act: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, called in a process of its own; SystemExit where it fails."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_call, args=(theirs, act, arguments))
    process.start()
    theirs.close()
    try:
        return pipe.recv()
    except EOFError:
        raise SystemExit(f"{act.__name__} failed, see above") from None
    finally:
        process.join()


def _call(pipe: Connection, act: Callable[..., Any], arguments: tuple) -> None:
    pipe.send(act(*arguments))


def _run(train: Callable[[Job, Track], None], job: Job, pipe: Connection) -> None:
    os.dup2(2, 1)  # stdout is for the result alone
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(job.threads)
    train(job, Track(pipe))


def _peak() -> float:
    """Megabytes this process has had in memory at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
