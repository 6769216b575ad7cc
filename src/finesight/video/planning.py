"""An analysed video and rules to a plan. Pure: the same timeline, rules and tools give the same plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from finesight.schema.plan import Decision, Fired, Lost, Plan, Rung, ShotPlan, ToolCall
from finesight.schema.taxonomy import Severity
from finesight.schema.video import ShotAnalysis, Timeline
from finesight.video.facts import Answer, Facts, ask, of_shot, of_video
from finesight.video.graph import in_order
from finesight.video.rules import Rule, RuleSet
from finesight.video.tool import Tool


class Offer(NamedTuple):
    """What ffmpeg has of the tools. missing: why a tool does not run, by its name."""

    ffmpeg: str
    missing: Mapping[str, str] = {}


class _Chosen(NamedTuple):
    rule: Rule
    fired: Fired
    call: ToolCall | None


def plan(timeline: Timeline, rules: RuleSet, offer: Offer) -> Plan:
    """What to do with each shot of an analysed video, and why.

    Rules of the whole video are asked first, then those of the shots; among each, one that stands before another
    is preferred to it.
    """
    of_all, lost = _decide("video", of_video(timeline), rules, offer, ())
    shots = tuple(_shot_plan(shot, timeline, rules, offer, of_all) for shot in timeline.shots)
    return Plan(
        video=timeline.video.path,
        rules=rules.digest,
        ffmpeg=offer.ffmpeg,
        whole=_decision(of_all, lost, rules),
        shots=shots,
    )


def _shot_plan(
    shot: ShotAnalysis, timeline: Timeline, rules: RuleSet, offer: Offer, of_all: Sequence[_Chosen]
) -> ShotPlan:
    chosen, lost = _decide("shot", of_shot(shot, timeline.video), rules, offer, of_all)
    own = _decision(chosen, lost, rules)
    calls = in_order([one.call for one in (*of_all, *chosen) if one.call], rules.tools)
    answered = {id_ for one in own.fired for id_ in one.findings}
    return ShotPlan(
        calls=tuple(calls),
        fired=own.fired,
        lost=own.lost,
        shot=shot.shot.index,
        start=shot.shot.start,
        end=shot.shot.end,
        unanswered=tuple(f.id for f in shot.findings if f.id not in answered),
        diagnosed=any(frame.diagnosis is not None for frame in shot.frames),
    )


def _decision(chosen: Sequence[_Chosen], lost: Sequence[Lost], rules: RuleSet) -> Decision:
    calls = in_order([one.call for one in chosen if one.call], rules.tools)
    return Decision(calls=tuple(calls), fired=tuple(one.fired for one in chosen), lost=tuple(lost))


def _decide(
    scope: str, facts: Facts, rules: RuleSet, offer: Offer, before: Sequence[_Chosen]
) -> tuple[list[_Chosen], list[Lost]]:
    """Ask each rule of a scope in turn; `before` are rules that have been followed already."""
    chosen: list[_Chosen] = []
    lost: list[Lost] = []
    for rule in rules.rules:
        if rule.scope != scope:
            continue
        answer = ask(rule.when, facts)
        if not answer.holds and not answer.concerned:
            continue
        against = _against(rule, answer, facts, rules, offer, (*before, *chosen))
        if against:
            lost.append(against)
        else:
            chosen.append(_follow(rule, answer, rules))
    return chosen, lost


def _against(
    rule: Rule, answer: Answer, facts: Facts, rules: RuleSet, offer: Offer, chosen: Sequence[_Chosen]
) -> Lost | None:
    """Why a rule that is concerned is not followed; None where nothing speaks against it."""
    said = Lost(rule=rule.id, tool=rule.tool, findings=_ids(answer), why=answer.why_not)
    if not answer.holds:
        return said
    for guard in rule.unless:
        if ask(guard, facts).holds:
            return said.model_copy(update={"why": guard.why})
    tool = rules.tools[rule.tool] if rule.tool else None
    if tool and (why := _unusable(tool, facts, offer)):
        return said.model_copy(update={"why": why})
    for other in chosen:
        if why := _clash(rule, tool, other, rules):
            return said.model_copy(update={"why": why, "to": other.rule.id})
    return None


def _unusable(tool: Tool, facts: Facts, offer: Offer) -> str:
    depth = facts.video["bit_depth"]
    if depth > tool.bits:
        return f"{tool.name} works in {tool.bits} bits and the video has {depth:g}"
    missing = offer.missing.get(tool.name)
    return f"this ffmpeg does not run {tool.name}: {missing}" if missing else ""


def _clash(rule: Rule, tool: Tool | None, other: _Chosen, rules: RuleSet) -> str:
    if other.rule.id in rule.conflicts or rule.id in other.rule.conflicts:
        return f"conflicts with {other.rule.id}, which stands before it: {other.rule.why}"
    if tool is None or other.rule.tool is None or not tool.clashes(rules.tools[other.rule.tool]):
        return ""
    if tool.name == other.rule.tool:
        return f"{other.rule.id} uses {tool.name} already"
    return f"{tool.name} must not be used beside {other.rule.tool} of {other.rule.id}"


def _follow(rule: Rule, answer: Answer, rules: RuleSet) -> _Chosen:
    strength = answer.severity or rule.strength or Severity.MINOR
    fired = Fired(rule=rule.id, tool=rule.tool, strength=strength, findings=_ids(answer), why=rule.why)
    if rule.tool is None:
        return _Chosen(rule, fired, None)
    tool = rules.tools[rule.tool]
    lowers, risks = rule.expected(tool)
    here, *weaker = _rungs(rule, tool, strength)
    call = ToolCall(
        tool=tool.name,
        step=tool.step,
        parameters=here.parameters,
        strength=strength,
        rule=rule.id,
        findings=_ids(answer),
        why=rule.why,
        lowers=lowers,
        risks=risks,
        weaker=tuple(weaker),
    )
    return _Chosen(rule, fired, call)


def _rungs(rule: Rule, tool: Tool, strength: Severity) -> list[Rung]:
    """The rung of a strength, then the weaker ones that differ from the one before."""
    rungs: list[Rung] = []
    for severity in reversed(Severity):
        parameters = tool.filled(rule.ladder.at(severity))
        if severity.rank <= strength.rank and (not rungs or parameters != rungs[-1].parameters):
            rungs.append(Rung(strength=severity, parameters=parameters))
    return rungs


def _ids(answer: Answer) -> tuple[str, ...]:
    return tuple(finding.id for finding in answer.findings)
