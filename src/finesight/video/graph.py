"""Calls to the filters that ffmpeg is told: in canonical order, behind the colour tags that some of them need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from finesight.schema.plan import ToolCall
from finesight.schema.video import Colour
from finesight.video.tool import MARKS, Tool

_OPEN, _CLOSE = MARKS.split("{}")


def graph_of(calls: Sequence[ToolCall], tools: Mapping[str, Tool], colour: Colour) -> str:
    """The filters of calls in canonical order, as ffmpeg's -vf takes them; "" where there is nothing to do.

    Where a tool needs tags that the file does not have, what was assumed of its colours is said first.
    """
    used = [tools[call.tool] for call in in_order(calls, tools)]
    graphs = [tools[call.tool].graph(call.parameters) for call in in_order(calls, tools)]
    if colour.assumed and any(tool.tagged for tool in used):
        graphs.insert(0, tags_of(colour))
    return ",".join(graphs)


def cut(graph: str) -> tuple[str, str, str]:
    """Filters before a model, the model ("" where there is none), and filters behind it."""
    before, marked, rest = graph.partition(_OPEN)
    model, _, behind = rest.partition(_CLOSE)
    return before.rstrip(","), model if marked else "", behind.lstrip(",")


def from_rgb(colour: Colour) -> str:
    """The filters that bring RGB of a model back to the colours of a file."""
    tags = f"color_primaries={colour.primaries}:color_trc={colour.transfer}"
    back = f"zscale=matrix={colour.matrix}:range={colour.range}"
    return f"setparams={tags}:colorspace=gbr:range=pc,{back}"


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
