"""SDR to HDR as tables for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.hdr import Conversions, HdrResult, ShotLight, VideoLight
from finesight.ui.terminal import plain
from finesight.ui.timeline import clock
from finesight.ui.verdict import check_table


def conversions_block(light: VideoLight, chosen: Conversions) -> RenderableType:
    """The level and why, then of each shot its light, its conversion, and why."""
    table = Table(box=SIMPLE, show_edge=False)
    for column in (
        "shot",
        "from",
        "stops",
        "median",
        "highlights",
        "white",
        "face",
        "is",
        "as",
        "conversion",
        "why",
    ):
        table.add_column(column, no_wrap=column != "why")
    for shot, one in zip(light.shots, chosen.shots, strict=True):
        told = plain("; ".join(one.why))
        table.add_row(
            str(shot.shot), clock(shot.start), *_light(shot), shot.level or "-", one.level, one.preset, told
        )
    head = f"{chosen.level} ({chosen.level.says}), by {chosen.by}: {chosen.why}"
    return Group(Text(plain(head), style="bold"), table)


def result_block(done: HdrResult, run: Path) -> RenderableType:
    """What came of it: the checks, and where the file is."""
    kept = plain(str(run / done.output)) if done.output else "a check has failed; the source is kept"
    light = f"MaxCLL {done.light.max_cll:.0f}, MaxFALL {done.light.max_fall:.0f} nits"
    return Group(check_table(done.checks), Text(f"{light}; {kept}", style="bold"))


def _light(shot: ShotLight) -> tuple[str, str, str, str, str]:
    if shot.light is None:
        return ("-",) * 5
    faces = [face.delta for frame in shot.frames for face in frame.faces]
    face = f"{min(faces, key=abs):+.1f}" if faces else "-"
    light = shot.light
    white = light.clipped_flat + light.clipped_small
    return f"{light.stops:.1f}", f"{light.p50:.2f}", f"{light.highlights:.0%}", f"{white:.1%}", face
