"""The parts of a vision-language model by the names of its parameters: vision tower, projector, language."""

from __future__ import annotations

from typing import Literal

Part = Literal["vision", "projector", "language"]

_PROJECTORS = ("projector", "multi_modal_projector", "merger", "deepstack_merger_list", "mlp1")
_TOWERS = ("visual", "vision_tower", "vision_model")


def part_of(name: str) -> Part:
    """The part a parameter belongs to: a tower's own projector (Qwen's merger) is projector, not vision."""
    segments = name.split(".")
    if any(s in _PROJECTORS for s in segments):
        return "projector"
    return "vision" if any(s in _TOWERS for s in segments) else "language"
