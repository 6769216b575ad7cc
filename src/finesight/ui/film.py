"""What a page shows of a run of the video chain: its shots with pictures, decisions and checks, and its timeline.

A run may be anywhere on its way: what is not there yet is not shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from finesight.schema.acceptance import Acceptance, ShotAcceptance
from finesight.schema.plan import Plan, ShotPlan
from finesight.schema.processed import Processed, ProcessedShot
from finesight.schema.verdict import Check, Gate, Outcome
from finesight.schema.video import SampledFrame, Shot, ShotAnalysis, Timeline
from finesight.ui.page import picture_uri
from finesight.video.accept import ACCEPTANCE, read_acceptance
from finesight.video.folder import read_timeline
from finesight.video.plan_file import PLAN, read_plan
from finesight.video.process import PROCESSED, read_processed
from finesight.video.stills import stills

T = TypeVar("T")


class Film(NamedTuple):
    """A run as its files tell it; None: not there yet."""

    run: Path
    timeline: Timeline
    plan: Plan | None
    processed: Processed | None
    acceptance: Acceptance | None

    @property
    def made(self) -> Path | None:
        """The file that came out, accepted or not; None where there is none."""
        name = (self.acceptance and self.acceptance.output) or (self.processed and self.processed.output)
        return self.run / name if name and (self.run / name).is_file() else None


class Stills(NamedTuple):
    """A frame of a shot before and after, as addresses in the page; after: None where nothing was made.

    frame: the one that is shown; width, height: of the frame before in pixels; scale: embedded over original width.
    """

    frame: SampledFrame
    before: str
    after: str | None
    width: int
    height: int
    scale: float


class ShotCard(NamedTuple):
    """A shot with what was seen, decided, done and judged of it."""

    analysis: ShotAnalysis
    plan: ShotPlan | None
    processed: ProcessedShot | None
    acceptance: ShotAcceptance | None
    stills: Stills | None

    @property
    def shot(self) -> Shot:
        return self.analysis.shot

    @property
    def outcome(self) -> str:
        """The last word on it in two words or three."""
        if self.acceptance:
            untouched = self.acceptance.outcome is Outcome.ACCEPTED and not self.acceptance.asked
            return "left as it is" if untouched else str(self.acceptance.outcome)
        if self.plan is None:
            return "analysed"
        return "planned" if self.plan.calls else "left as it is"

    @property
    def decisive(self) -> Check | None:
        """The check that decided: the first that failed, or what shows the benefit of an accepted shot."""
        checks = self.acceptance.decided.checks if self.acceptance else ()
        failed = [check for check in checks if not check.passed]
        benefits = [check for check in checks if check.gate is Gate.IMPROVEMENT]
        return next(iter([*failed, *benefits]), None)

    @property
    def commands(self) -> list[str]:
        """What made its frames, to be pasted into a shell."""
        return [
            shlex.join(("ffmpeg", *command))
            for command in (self.processed.commands if self.processed else ())
        ]

    @property
    def fidelity(self) -> dict[str, float]:
        """Mean over its frames by name of the measure, 0..100, as it was judged last."""
        checks = self.acceptance.decided.checks if self.acceptance else ()
        means = (check for check in checks if check.name.startswith("VMAF") and check.name.endswith(" mean"))
        return {check.name.removesuffix(" mean"): float(check.value) for check in means}


def read_film(run: Path) -> Film:
    """All that a run folder tells.

    Raises:
        InputError: it has no analysis, or one of its files cannot be read.
    """
    return Film(
        run,
        read_timeline(run),
        _where(run / PLAN, lambda: read_plan(run)),
        _where(run / PROCESSED, lambda: read_processed(run)),
        _where(run / ACCEPTANCE, lambda: read_acceptance(run)),
    )


def cards_of(
    film: Film, side_px: int, watch: Callable[[int, int], object] = lambda done, of: None
) -> list[ShotCard]:
    """A card for every shot; pictures are embedded at `side_px` at most.

    Args:
        watch: is told how many shots have their pictures, and of how many.

    Raises:
        InputError: the file that was made cannot be decoded.
    """
    shown = {one.shot.index: frame for one in film.timeline.shots if (frame := telling(film.run, one))}
    wanted = {frame.frame for frame in shown.values()}
    after: dict[int, str] = {}
    for number, rgb in stills(film.made, wanted) if film.made else ():
        after[number] = picture_uri(rgb, side_px)
        watch(len(after), len(wanted))
    plans = {plan.shot: plan for plan in film.plan.shots} if film.plan else {}
    processed = {shot.shot: shot for shot in film.processed.shots} if film.processed else {}
    accepted = {shot.shot: shot for shot in film.acceptance.shots} if film.acceptance else {}
    return [
        ShotCard(
            one,
            plans.get(one.shot.index),
            processed.get(one.shot.index),
            accepted.get(one.shot.index),
            _stills(film.run, shown.get(one.shot.index), after, side_px),
        )
        for one in film.timeline.shots
    ]


def telling(run: Path, one: ShotAnalysis) -> SampledFrame | None:
    """The frame by which a shot is shown: of those with a picture the one of the lowest score."""
    there = [frame for frame in one.frames if frame.picture and (run / frame.picture).is_file()]
    return min(there, key=lambda frame: (frame.score is None, frame.score or 0.0, frame.frame), default=None)


def _stills(run: Path, frame: SampledFrame | None, after: Mapping[int, str], side_px: int) -> Stills | None:
    if frame is None:
        return None
    with Image.open(run / frame.picture) as image:
        rgb = np.asarray(image.convert("RGB"))
    height, width = rgb.shape[:2]
    scale = min(1.0, side_px / max(width, height))
    return Stills(frame, picture_uri(rgb, side_px), after.get(frame.frame), width, height, scale)


def _where(file: Path, read: Callable[[], T]) -> T | None:
    return read() if file.is_file() else None
