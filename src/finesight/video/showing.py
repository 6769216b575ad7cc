"""Frames of a video as a model is shown them: one by one, or all of a shot as a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from finesight.data.images import load_picture
from finesight.schema.picture import Clip, Outcome, Picture

Diagnose = Callable[[Sequence[Picture]], list[Outcome]]
"""Pictures to outcomes, one each, in order."""

F = TypeVar("F")


def groups_of(
    frames: Iterable[F], shot: Callable[[F], int], time: Callable[[F], float], batch: int, native: bool
) -> list[list[F]]:
    """Frames that are shown together: so many at a time, or those of a shot by their times."""
    listed = list(frames)
    if not native:
        return [listed[start : start + batch] for start in range(0, len(listed), batch)]
    return [sorted(own, key=time) for _, own in groupby(sorted(listed, key=shot), key=shot)]


def outcomes_of(
    diagnose: Diagnose, paths: Sequence[Path], times: Sequence[float], native: bool
) -> list[Outcome]:
    """What a model says of each of the frames of a group; of a clip, the same of all of its frames."""
    pictures = [load_picture(path) for path in paths]
    if not native:
        return diagnose(pictures)
    (said,) = diagnose([clip_of(pictures, times)])
    return [said.model_copy(update={"image": picture.path}) for picture in pictures]


def clip_of(pictures: Sequence[Picture], times: Sequence[float]) -> Clip:
    """Frames as a clip. Their distance in time is taken to be even, as samples of a shot are but for the extremes."""
    first = pictures[0]
    apart = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    frames = tuple(picture.rgb for picture in pictures)
    return Clip(first.path, first.rgb, first.sha256, frames=frames, seconds=max(apart, 1e-3))
