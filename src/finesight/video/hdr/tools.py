"""Conversions as tools: a table on the disk, and the filter that takes frames through it to BT.2020 and PQ.

luts/PRESET-DIGEST.cube   the tables, in the run folder; any grading tool reads them
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from finesight.data.atomic import write_text
from finesight.schema.hdr import Conversion, Conversions
from finesight.schema.plan import Plan, ShotPlan, Step, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.video.hdr.curves import PRESETS, Preset
from finesight.video.hdr.lut import cube
from finesight.video.tool import Tool

FOLDER = "luts"
RULE = "dynamic range"
_FPS = 50
_TO_RGB = "zscale=matrix=gbr:primaries=709:range=full,format=gbrp16le"
_TO_YUV = (
    "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=gbr:range=full,"
    "zscale=matrix=2020_ncl:range=limited:dither=ordered"
)


def tools_of(names: Iterable[str], run: Path) -> dict[str, Tool]:
    """The tools of conversions, by name; their tables are written where they are not there yet."""
    return {name: _tool(PRESETS[name], _written(PRESETS[name], run)) for name in sorted(set(names))}


def with_conversions(plan: Plan, chosen: Conversions) -> Plan:
    """A plan whose every shot is converted at its end."""
    of = {one.shot: one for one in chosen.shots}
    return plan.model_copy(update={"shots": tuple(_converted(shot, of[shot.shot]) for shot in plan.shots)})


def _converted(shot: ShotPlan, conversion: Conversion) -> ShotPlan:
    call = ToolCall(
        tool=conversion.preset,
        step=Step.HDR,
        parameters={},
        strength=Severity.MODERATE,
        rule=RULE,
        why="; ".join(conversion.why),
    )
    return shot.model_copy(update={"calls": (*shot.calls, call)})


def _tool(preset: Preset, table: Path) -> Tool:
    return Tool(
        name=preset.name,
        step=Step.HDR,
        says=preset.says,
        filter=f"{_TO_RGB},lut3d=file={_escaped(table)}:interp=tetrahedral,{_TO_YUV}",
        fps=_FPS,
        tagged=True,
    )


def _written(preset: Preset, run: Path) -> Path:
    text = cube(preset)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = (run / FOLDER / f"{preset.name}-{digest}.cube").resolve()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return path


def _escaped(path: Path) -> str:
    """A file's name inside a filter's option, inside a graph, inside a format string."""
    name = str(path)
    for odd in "\\':":
        name = name.replace(odd, f"\\{odd}")
    for odd in "\\'[],;":
        name = name.replace(odd, f"\\{odd}")
    return name.replace("{", "{{").replace("}", "}}")
