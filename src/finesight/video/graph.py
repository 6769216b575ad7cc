"""Calls to the filters that ffmpeg is told: in canonical order, behind the colour tags that some of them need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from finesight.schema.plan import ToolCall
from finesight.schema.video import Colour
from finesight.video.tool import Tool


def graph_of(calls: Sequence[ToolCall], tools: Mapping[str, Tool], colour: Colour) -> str:
    """The filters of calls in canonical order, as ffmpeg's -vf takes them; "" where there is nothing to do.

    Where a tool needs tags that the file does not have, what was assumed of its colours is said first.
    """
    used = [tools[call.tool] for call in in_order(calls, tools)]
    graphs = [tools[call.tool].graph(call.parameters) for call in in_order(calls, tools)]
    if colour.assumed and any(tool.tagged for tool in used):
        graphs.insert(0, tags_of(colour))
    return ",".join(graphs)


def tags_of(colour: Colour) -> str:
    """The filter that tells ffmpeg what was assumed of a picture's colours."""
    names = {
        "primaries": "color_primaries",
        "transfer": "color_trc",
        "matrix": "colorspace",
        "range": "range",
    }
    said = [f"{names[field]}={getattr(colour, field)}" for field in names if field in colour.assumed]
    return f"setparams={':'.join(said)}"


def in_order(calls: Iterable[ToolCall], tools: Mapping[str, Tool]) -> list[ToolCall]:
    """Calls in canonical order: by step, within one as the tools are listed."""
    places = {name: place for place, name in enumerate(tools)}
    return sorted(calls, key=lambda call: (call.step.rank, places[call.tool]))
