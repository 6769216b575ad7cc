"""Which tools this ffmpeg really has: each is run on five frames once, and the frames that come out are counted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from finesight.data.atomic import write_text
from finesight.errors import InputError
from finesight.video.ffmpeg import Ran, Runner, frames_out
from finesight.video.frame_makers import load_maker, spec_of
from finesight.video.tool import Tool

FRAMES = 5
SOURCE = f"testsrc2=size=96x64:rate=25,format=yuv420p,trim=end_frame={FRAMES}"
_PATIENCE_S = 300.0
_TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
_BY_VERSION = "ffmpeg-{}.json"


def default_cache() -> Path:
    """The user's folder for what can be found out again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finesight"


def probe(tools: Iterable[Tool], runner: Runner, cache: Path | None = None) -> dict[str, str]:
    """What is wrong with each tool, by name; "" where it runs.

    Args:
        cache: folder in which it is kept what runs, by version of ffmpeg and text of filter; what fails is tried
            again each time, as a machine may fail once. None keeps nothing.
    """
    runs = _kept(runner, cache)
    found: dict[str, str] = {}
    for tool in tools:
        if tool.maker:
            found[tool.name] = _complaint_of_maker(tool)
            continue
        found[tool.name] = "" if tool.graph() in runs else _complaint(tool, runner)
        if not found[tool.name]:
            runs.add(tool.graph())
    if cache and runs != _kept(runner, cache):
        _keep(runner, cache, runs)
    return found


def _complaint(tool: Tool, runner: Runner) -> str:
    graph = f"{_TAGS},{tool.graph()}" if tool.tagged else tool.graph()
    arguments = ["-f", "lavfi", "-i", SOURCE, "-vf", graph, "-f", "framemd5", "-"]
    try:
        ran = runner.run(arguments, seconds=_PATIENCE_S)
    except InputError as error:
        return str(error)
    frames = frames_out(ran)
    if ran.code == 0 and frames == FRAMES:
        return ""
    return f"{frames} of {FRAMES} frames came out: {_said(ran)}"


def _complaint_of_maker(tool: Tool) -> str:
    """A model is tried on a small frame, each time anew: what it needs may have been installed or taken away."""
    try:
        make = load_maker(spec_of(tool.maker, tool.filled({})))
        made = make(np.zeros((48, 64, 3), np.uint8))
    except Exception as error:  # of a model from outside anything may come
        return str(error) or type(error).__name__
    factors = made.shape[0] / 48, made.shape[1] / 64
    if factors[0] == factors[1] and (factors[0] == 1 or tool.resizes):
        return ""
    return f"it makes {made.shape[1]}x{made.shape[0]} of 64x48, and does not say that it resizes"


def _said(ran: Ran) -> str:
    """The first line of what ffmpeg said, without the address of the object that said it."""
    line = ran.said.partition("\n")[0]
    return line.partition("] ")[2] or line or f"exit code {ran.code}"


def _file(runner: Runner, cache: Path) -> Path:
    return cache / _BY_VERSION.format(hashlib.sha256(runner.version.encode()).hexdigest()[:16])


def _kept(runner: Runner, cache: Path | None) -> set[str]:
    """Filters that ran before; none where that cannot be read, as it can be found again."""
    if cache is None:
        return set()
    try:
        kept = json.loads(_file(runner, cache).read_bytes())
    except (OSError, ValueError):
        return set()
    return {graph for graph in kept if isinstance(graph, str)} if isinstance(kept, list) else set()


def _keep(runner: Runner, cache: Path, runs: set[str]) -> None:
    """Write what ran; a folder that cannot be written costs a probe next time, nothing else."""
    with suppress(OSError):
        write_text(_file(runner, cache), json.dumps(sorted(runs), indent=1) + "\n")
