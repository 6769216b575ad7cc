"""A diagnosis as a block of text for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.diagnosis import Diagnosis
from finesight.schema.picture import Outcome
from finesight.ui.palette import LEVEL_COLOURS, TYPE_COLOURS, ink_on
from finesight.ui.words import Lang, name, say


def outcome_block(outcome: Outcome, lang: Lang) -> RenderableType:
    """Name and size, level and score, content, then one line a finding; the error where there is one."""
    parts: list[RenderableType] = [_head(outcome)]
    if outcome.error is not None:
        parts.append(Text(f"  {plain(outcome.error)}", style="red"))
    elif outcome.diagnosis:
        parts += [_verdict(outcome, outcome.diagnosis, lang), Text(f"  {plain(outcome.diagnosis.content)}")]
        if outcome.diagnosis.findings:
            parts.append(_findings(outcome.diagnosis, lang))
    return Group(*parts, Text())


def plain(text: str) -> str:
    """Text that cannot steer the terminal: whatever does not print becomes U+FFFD."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _head(outcome: Outcome) -> Text:
    head = Text(plain(outcome.image), style="bold")
    if outcome.width:
        head.append(f"  {outcome.width} × {outcome.height}", style="not bold dim")
    return head


def _verdict(outcome: Outcome, said: Diagnosis, lang: Lang) -> Text:
    line = Text("  ")
    if said.level:
        colour = LEVEL_COLOURS[said.level]
        line.append(f" {name(said.level, lang)} ", style=f"bold {ink_on(colour)} on {colour}")
    else:
        line.append(f"{say('level', lang)}: {say('unknown', lang)}", style="dim")
    if outcome.score is not None:
        line.append(f"  {outcome.score:.2f}", style="bold")
        line.append(" / 5", style="dim")
    if not said.findings:
        line.append(f"  {say('no_distortion', lang)}", style="dim")
    return line


def _findings(said: Diagnosis, lang: Lang) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for justify in ("right", "left", "left", "left", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for number, finding in enumerate(said.findings, 1):
        confidence = "" if finding.confidence is None else f"{finding.confidence:.0%}"
        table.add_row(
            f" {number}",
            Text("■ ", style=TYPE_COLOURS[finding.type]) + Text(name(finding.type, lang)),
            Text(name(finding.severity, lang)),
            Text(", ".join(str(edge) for edge in finding.box.xyxy), style="dim"),
            Text(confidence, style="dim"),
            Text(say("key", lang) if finding.key else "", style="bold reverse"),
        )
    return table
