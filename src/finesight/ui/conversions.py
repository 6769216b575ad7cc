"""A model asked which HDR conversion suits a video, by a sheet of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from finesight.data.conversions.sheet import frames_of, sheet_of
from finesight.data.images import load_picture
from finesight.data.light import measure, middle
from finesight.schema.answer import ParseFailure
from finesight.schema.hdr import Level, VideoLight
from finesight.schema.picture import Picture
from finesight.schema.video import Timeline
from finesight.text.conversion import conversion_prompt, parse_conversion
from finesight.video.hdr.convert import Decide, Decided
from finesight.video.hdr.levels import level_of

Ask = Callable[[Sequence[Picture]], list[str]]
"""Sheets to answers, one each."""


def asking_model(model: str) -> Ask:
    """A model by its name, asked about sheets."""
    from finesight.model.diagnose import load_diagnoser
    from finesight.model.protocol import Request

    generator = load_diagnoser(model, crops=False).generator

    def ask(sheets: Sequence[Picture]) -> list[str]:
        requests = [Request(sheet, (conversion_prompt(),)) for sheet in sheets]
        return [answers[0].text for answers in generator.generate(requests)]

    return ask


def decided_by(run: Path, ask: Ask, model: str, complain: Callable[[str], object]) -> Decide:
    """A model decides the level of a run by frames that analysis has kept; what cannot be read the rules decide."""

    def decide(timeline: Timeline, light: VideoLight) -> Decided | None:
        kept = [run / frame.picture for one in timeline.shots for frame in one.frames if frame.picture]
        if not kept:
            return None
        sheet = sheet_of([load_picture(path).rgb for path in kept[:: max(1, len(kept) // 16)]])
        said = ask([Picture(f"{run.name} (frames)", sheet, "")])[0]
        level = parse_conversion(said)
        if isinstance(level, ParseFailure):
            complain(f"its answer {said[:60]!r} names no conversion")
            return None
        return Decided(level, "model", f"{model} says {said.strip()[:60]}")

    return decide


Chooser = Callable[[Sequence[Picture]], list[Level | None]]
"""Sheets to levels, one each; None where nothing can be said."""


def by_rules(sheets: Sequence[Picture]) -> list[Level | None]:
    """What the rules choose, by the light of the frames of each sheet."""
    lights = [middle([measure(frame)[0] for frame in frames_of(sheet.rgb)]) for sheet in sheets]
    return [level_of(light) if light else None for light in lights]


def asked(ask: Ask) -> Chooser:
    """What a model chooses."""

    def choose(sheets: Sequence[Picture]) -> list[Level | None]:
        read = [parse_conversion(text) for text in ask(sheets)]
        return [level if isinstance(level, Level) else None for level in read]

    return choose
