"""A plan, and the tools there are, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from finesight.schema.plan import Decision, Fired, Plan, ShotPlan, ToolCall
from finesight.schema.video import Timeline, VideoFinding
from finesight.ui.terminal import plain
from finesight.video.exploring import PLANNED
from finesight.video.graph import graph_of
from finesight.video.tool import Tool


def plan_block(
    made: Plan, timeline: Timeline, tools: Mapping[str, Tool], explain: bool = False
) -> RenderableType:
    """Per shot the calls and the filters they come to; explained: which rules fired, which lost, and why."""
    lines: list[RenderableType] = []
    if explain and (made.whole.fired or made.whole.lost):
        lines += [Text("whole video", style="bold"), *_explained(made.whole, timeline.findings), Text()]
    for shot in made.shots:
        findings = next((s.findings for s in timeline.shots if s.shot.index == shot.shot), ())
        lines += [_head(shot), *(_call(call) for call in shot.calls), *_way(shot)]
        if graph := graph_of(shot.calls, tools, timeline.video.colour):
            lines.append(Padding(Text(f"-vf {graph}", style="dim"), (0, 0, 0, 2), expand=False))
        if explain:
            lines += _explained(shot, findings)
            lines += _unanswered(shot, findings)
        lines.append(Text())
    return Group(*lines, Text(_sum(made)))


def tools_block(tools: Mapping[str, Tool], complaints: Mapping[str, str], ffmpeg: str) -> RenderableType:
    """Each tool: whether it runs, what it does, what it treats and harms, what it costs."""
    lines: list[RenderableType] = [Text(f"ffmpeg {plain(ffmpeg)}", style="dim")]
    for tool in tools.values():
        head = Text("  ok  " if not complaints[tool.name] else "  no  ")
        head.append(f"{tool.name}", style="bold").append(f"  {tool.step}  {tool.says}")
        lines.append(head)
        about = [f"treats {_listed(tool.treats)}", f"harms {_listed(tool.harms)}", f"{tool.fps:g} fps"]
        about += [f"looks {tool.radius} frames around"] if tool.radius else []
        about += [f"works in {tool.bits} bits"] if tool.bits < 16 else []
        lines.append(_below("; ".join(about)))
        if complaints[tool.name]:
            lines.append(_below(plain(complaints[tool.name]), "red"))
    return Group(*lines)


def _head(shot: ShotPlan) -> Text:
    head = Text(f"shot {shot.shot}", style="bold")
    head.append(f"  {shot.start:.2f} - {shot.end:.2f} s", style="not bold dim")
    if not shot.diagnosed:
        head.append("  not diagnosed", style="not bold red")
    elif not shot.calls:
        head.append("  left as it is", style="not bold")
    return head


def _way(shot: ShotPlan) -> Iterator[RenderableType]:
    """In which way it is done, where that is not the way of the rules, and what a watching policy would take."""
    way = shot.choice
    if way and way.arm != PLANNED:
        who = "drawn" if way.policy == "rules" else "chosen by the policy, or drawn"
        yield _below(f"way: {way.arm}, {who}, with a chance of {way.propensity:.0%}")
    if way and way.shadow and way.shadow != way.arm:
        yield _below(f"the policy, which only watches, would take: {way.shadow}")


def _call(call: ToolCall) -> RenderableType:
    said = Text(f"{call.step}: ")
    said.append(call.tool, style="bold")
    if call.parameters:
        said.append(" " + " ".join(f"{name}={value:g}" for name, value in call.parameters.items()))
    because = ", ".join(call.findings) or "a property of the video"
    said.append(f"  [{call.strength}, rule {call.rule}, for {plain(because)}]", style="dim")
    return Padding(said, (0, 0, 0, 2), expand=False)


def _explained(decision: Decision, findings: Sequence[VideoFinding]) -> Iterator[RenderableType]:
    for one in decision.fired:
        yield _below(f"fired {one.rule} ({_does(one)}): {_named(one.findings, findings)}{one.why}", "green")
    for lost in decision.lost:
        yield _below(f"lost  {lost.rule}: {_named(lost.findings, findings)}{lost.why}", "yellow")


def _unanswered(shot: ShotPlan, findings: Sequence[VideoFinding]) -> Iterator[RenderableType]:
    concerned = {id_ for lost in shot.lost for id_ in lost.findings}
    for id_ in shot.unanswered:
        if id_ not in concerned:
            yield _below(f"no rule asks for {_named((id_,), findings)}", "yellow")


def _does(fired: Fired) -> str:
    return f"{fired.tool}, {fired.strength}" if fired.tool else "leave it"


def _named(ids: Sequence[str], findings: Sequence[VideoFinding]) -> str:
    """Findings by id, type, severity and share, ahead of what is said of them."""
    by_id = {finding.id: finding for finding in findings}
    said = [
        f"{plain(i)} {by_id[i].type} {by_id[i].severity} {by_id[i].share:.0%}{' KEY' if by_id[i].key else ''}"
        if i in by_id
        else plain(i)
        for i in ids
    ]
    return f"{', '.join(said)}: " if said else ""


def _sum(made: Plan) -> str:
    treated = sum(1 for shot in made.shots if shot.calls)
    open_ = sum(len(shot.unanswered) for shot in made.shots)
    unknown = sum(1 for shot in made.shots if not shot.diagnosed)
    said = f"{treated} of {len(made.shots)} shots are treated, {open_} findings are not answered"
    return said + (f", {unknown} shots were not diagnosed" if unknown else "")


def _below(said: str, style: str = "dim") -> RenderableType:
    return Padding(Text(said, style=style), (0, 0, 0, 6), expand=False)


def _listed(types: Sequence[str]) -> str:
    return ", ".join(types) or "no type"
