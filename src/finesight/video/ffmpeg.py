"""Runs ffmpeg: the only place where a process is started. A scripted runner stands in for it where there is none."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from finesight.errors import ConfigError, InputError, ScriptError
from finesight.video.frame_makers import FrameMaker, load_maker
from finesight.video.relay import relay

SCRIPTED = "scripted:"
_PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5")
BAR = "|"
"""In a command around the spec of a model: what stands before makes its frames, what stands behind takes them."""
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


class Ran(NamedTuple):
    """A run that is over: exit code, what it wrote to stdout, and to stderr."""

    code: int
    out: bytes
    said: str


class Runner(Protocol):
    """Something that runs ffmpeg. version: tells this binary from any other, so that what it can may be kept."""

    @property
    def version(self) -> str: ...

    def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
        """Run with arguments and `given` on stdin.

        Raises:
            InputError: it was not done after `seconds`.
        """
        ...

    def follow(self, arguments: Sequence[str], hear: Callable[[int], object]) -> Ran:
        """Run with arguments, and tell now and then how many frames have come out."""
        ...

    def frames(self, arguments: Sequence[str], size: int) -> Iterator[bytes]:
        """Run with arguments that end in raw frames on stdout, of so many bytes each, and give them one by one.

        Raises:
            InputError: it fails, or stops in the middle of a frame.
        """
        ...


class Ffmpeg:
    """The ffmpeg at an absolute path."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ConfigError: no program there that says it is ffmpeg.
        """
        self.path = path.resolve()
        try:
            first = self._start(["-version"], b"", 60).out.decode(errors="replace").partition("\n")[0]
            found = self.path.stat()
        except (OSError, InputError) as error:
            raise ConfigError(f"{path}: cannot be run ({error}); {_INSTALL}") from error
        if not first.startswith("ffmpeg version "):
            raise ConfigError(f"{path}: does not say that it is ffmpeg; {_INSTALL}")
        release = first.removeprefix("ffmpeg version ").split(" ")[0]
        mark = hashlib.sha256(f"{self.path}|{found.st_size}|{found.st_mtime_ns}|{first}".encode())
        self._version = f"{release} {mark.hexdigest()[:12]}"

    @property
    def version(self) -> str:
        return self._version

    def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
        return self._start([*QUIET, *arguments], given, seconds)

    def follow(self, arguments: Sequence[str], hear: Callable[[int], object]) -> Ran:
        with (
            tempfile.TemporaryFile() as errors,
            self._started(arguments, _PROGRESS, errors) as (process, ended),
        ):
            for line in _stdout(process):
                name, _, value = line.partition(b"=")
                if name == b"frame" and value.strip().isdigit():
                    hear(int(value))
            code = process.wait()
            failed = ended()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            return Ran(code or bool(failed), b"", "\n".join(filter(None, (said, failed))))

    def frames(self, arguments: Sequence[str], size: int) -> Iterator[bytes]:
        with tempfile.TemporaryFile() as errors, self._started(arguments, (), errors) as (process, ended):
            pipe = _stdout(process)
            while frame := pipe.read(size):
                if len(frame) < size:
                    break
                yield frame
            code = process.wait()
            failed = ended()
            errors.seek(0)
            if code or frame or failed:
                said = failed or errors.read().decode(errors="replace").strip().partition("\n")[0]
                raise InputError(f"ffmpeg failed: {said or f'exit code {code}'}")

    @contextmanager
    def _started(
        self, arguments: Sequence[str], more: Sequence[str], errors: IO[bytes]
    ) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
        """The process that a command ends in; the other says, once that has ended, what a model on the way failed of.

        Processes that still run when the block is left are killed.
        """
        parts = [list(part) for bar, part in groupby(arguments, lambda word: word == BAR) if not bar]
        quiet = [str(self.path), *QUIET]
        with ExitStack() as running:
            if len(parts) == 1:
                last = running.enter_context(_begun([*quiet, *more, *parts[0]], errors))
                running.callback(_kill, last)
                yield last, str
                return
            before, (spec,), behind = parts
            first = running.enter_context(_begun([*quiet, *before], errors))
            running.callback(_kill, first)
            last = running.enter_context(_begun([*quiet, "-y", *more, *behind], errors, subprocess.PIPE))
            running.callback(_kill, last)
            with ThreadPoolExecutor(1, thread_name_prefix="model") as pool:
                passed = pool.submit(_passed_on, first, last, load_maker(spec))
                running.callback(_kill, first)
                try:
                    yield last, lambda: passed.result()
                finally:
                    _kill(first)
                    _kill(last)

    def _start(self, arguments: Sequence[str], given: bytes, seconds: float | None) -> Ran:
        command = [str(self.path), *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{self.path}: not done after {seconds:g} s: {' '.join(arguments)}") from error
        return Ran(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


class ScriptedFfmpeg:
    """Says what a script says: for trying rules and plans for an ffmpeg that is not here.

    The script is an object of words: a run whose arguments have the word gives that many frames, or fails with that
    text. The first word that fits counts.
    """

    def __init__(self, script: Mapping[str, int | str], name: str = "scripted") -> None:
        self._script = dict(script)
        mark = hashlib.sha256(json.dumps(self._script).encode()).hexdigest()[:12]
        self._version = f"{name} {mark}"
        self.asked: list[tuple[str, ...]] = []

    @classmethod
    def read(cls, path: Path) -> ScriptedFfmpeg:
        """
        Raises:
            InputError: no file with one JSON object of numbers of frames and texts.
        """
        try:
            script = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as JSON ({error})") from error
        if not isinstance(script, dict) or not all(type(v) in (int, str) for v in script.values()):
            raise InputError(
                f'{path}: give an object of frames or complaints, {{"bwdif": 5, "zscale": "no"}}'
            )
        return cls(script, f"{SCRIPTED}{path.name}")

    @property
    def version(self) -> str:
        return self._version

    def run(self, arguments: Sequence[str], given: bytes = b"", seconds: float | None = None) -> Ran:
        """What the script says of these arguments, in the form of ffmpeg's `framemd5`.

        Raises:
            ScriptError: it says nothing of them.
        """
        self.asked.append(tuple(arguments))
        line = " ".join(arguments)
        for word, says in self._script.items():
            if word in line:
                return _scripted(says)
        raise ScriptError(f"{self._version}: nothing for {line!r}; add a word of it to the script")

    def follow(self, arguments: Sequence[str], hear: Callable[[int], object]) -> Ran:
        ran = self.run(arguments)
        hear(frames_out(ran))
        return ran

    def frames(self, arguments: Sequence[str], size: int) -> Iterator[bytes]:
        """As many black frames as the script says."""
        ran = self.run(arguments)
        if ran.code:
            raise InputError(f"ffmpeg failed: {ran.said}")
        yield from (bytes(size) for _ in range(frames_out(ran)))


def _begun(
    command: Sequence[str], errors: IO[bytes], given: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=errors)


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()


def _passed_on(first: subprocess.Popen[bytes], last: subprocess.Popen[bytes], make: FrameMaker) -> str:
    """Give frames of one process to the other through a model; what has failed, "" where nothing has."""
    assert last.stdin is not None
    try:
        relay(_stdout(first), last.stdin, make)
    except Exception as error:  # of a model from outside anything may come
        return f"{type(error).__name__}: {error}"
    finally:
        with suppress(OSError):
            last.stdin.close()
    return "" if first.wait() == 0 else f"exit code {first.returncode} before the model"


def load_runner(named: str | None = None) -> Runner:
    """The ffmpeg at a path, a script (`scripted:FILE`), or the one that comes with imageio-ffmpeg.

    Raises:
        ConfigError: it is not there, or cannot be run.
    """
    if named and named.startswith(SCRIPTED):
        return ScriptedFfmpeg.read(Path(named.removeprefix(SCRIPTED)))
    if named:
        return Ffmpeg(Path(named))
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return Ffmpeg(Path(get_ffmpeg_exe()))
    except (ImportError, RuntimeError) as error:
        raise ConfigError(f"no ffmpeg here ({error}); {_INSTALL}") from error


def frames_out(ran: Ran) -> int:
    """Frames that came out of a run that ended in `-f framemd5 -`: one line each, whatever the exit code is."""
    lines = ran.out.decode("ascii", errors="replace").splitlines()
    return sum(1 for line in lines if line.strip() and not line.startswith("#"))


def _scripted(says: int | str) -> Ran:
    if isinstance(says, str):
        return Ran(1, b"", says)
    lines = "".join(f"0, {n}, {n}, 1, 1, {n:032x}\n" for n in range(says))
    return Ran(0, f"#format: frame checksums\n{lines}".encode(), "")


_INSTALL = 'pip install "imageio-ffmpeg", or name a program'
