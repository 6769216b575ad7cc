"""A contender in a process of its own, one step of training at a time: clocks, counters and peak memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
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


class Step(NamedTuple):
    """One optimiser step.

    step: forward, backward, optimiser. whole: with reading, resizing and tokenising. pictures: that passed the
    vision tower. columns: of the sequences the decoder computed, padding included. loss: mean over answer
    tokens. norms: of the gradient of each weight, in the first step only. peak, before: megabytes at most, and
    before training.
    """

    step: Seconds
    whole: Seconds
    pictures: int
    columns: int
    loss: float
    norms: dict[str, float] | None
    peak: float
    before: float


@dataclass
class Track:
    """The contender's side: `wait` for the go, `start` the step once its inputs are there, `finish` it."""

    pipe: Connection
    pictures: int = 0
    columns: int = 0
    first: bool = True
    before: float = 0.0
    _whole: Seconds = field(default_factory=Seconds.now)
    _step: Seconds = field(default_factory=Seconds.now)

    def watch(self, model: Any) -> None:
        """Count what passes the vision tower and the decoder of a Qwen2.5-VL."""
        model.model.visual.register_forward_hook(self._seen, with_kwargs=True)
        model.model.language_model.register_forward_pre_hook(self._read, with_kwargs=True)
        self.before = _peak()

    def wait(self) -> bool:
        """False where there is nothing more to do."""
        goes: bool = self.pipe.recv()
        self._whole = Seconds.now()
        return goes

    def start(self) -> None:
        self._step = Seconds.now()

    def finish(self, loss: float, norms: dict[str, float] | None, prepared: Seconds | None = None) -> None:
        """Report a step. `prepared`: what getting its inputs took, where that lies between its parts."""
        end = Seconds.now()
        step = end.since(self._step)
        if prepared:
            step = step.since(prepared)
        whole = end.since(self._whole)
        self.pipe.send(Step(step, whole, self.pictures, self.columns, loss, norms, _peak(), self.before))
        self.pictures, self.columns, self.first = 0, 0, False

    def gradients(self, model: Any) -> dict[str, float] | None:
        """The norm of the gradient of each trained weight in the first step; later it would cost time."""
        if not self.first:
            return None
        return {n: p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}

    def _seen(self, _module: Any, args: tuple, kwargs: dict, _out: Any) -> None:
        self.pictures += len(kwargs["grid_thw"] if "grid_thw" in kwargs else args[1])

    def _read(self, _module: Any, _args: tuple, kwargs: dict) -> None:
        self.columns += kwargs["inputs_embeds"].shape[:2].numel()


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
