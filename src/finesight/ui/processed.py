"""What was made of a video, as text for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from finesight.schema.processed import Processed, ProcessedShot
from finesight.ui.terminal import plain


def processed_block(made: Processed, run: Path) -> RenderableType:
    """A line a shot, then the output."""
    shots = [_shot(shot) for shot in made.shots]
    seconds = sum(shot.seconds for shot in made.shots)
    whole = f"{made.frames} frames, {made.bytes / 1e6:.1f} MB, {seconds:.1f} s of encoding"
    return Group(*shots, Text(), Text(f"{plain(str(run / made.output))}  {whole}"))


def _shot(shot: ProcessedShot) -> Text:
    line = Text(f"shot {shot.shot}", style="bold")
    line.append(f"  {shot.start:.2f} - {shot.end:.2f} s  {shot.frames} frames  ", style="not bold dim")
    done = ", ".join(call.tool for call in shot.calls) or "as it is"
    return line.append(done, style="not bold").append(f"  {shot.seconds:.1f} s", style="not bold dim")
