"""What is wrong with a file of rules, as the place in the file and a sentence with the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from finesight.schema.taxonomy import Severity
from finesight.video.facts import SHOT, VIDEO
from finesight.video.rules import Condition, Guard, Ladder, Range, Rule, RuleFile
from finesight.video.signals import SHOT_SIGNALS, SIGNALS
from finesight.video.toml_lines import Path
from finesight.video.tool import Tool


class Wrong(NamedTuple):
    """A complaint: keys and positions that lead to what is wrong, and what to do about it."""

    path: Path
    says: str


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "rule": Rule,
    "when": Condition,
    "unless": Guard,
    "ladder": Ladder,
    "signals": Range,
    "video": Range,
    "shot": Range,
}


_KNOWN: Mapping[str, Iterable[str]] = {
    "signals": (*SIGNALS, *SHOT_SIGNALS),
    "video": tuple(VIDEO),
    "shot": tuple(SHOT),
}


def wrong_fields(values: Mapping[str, Any], error: ValidationError) -> Iterator[Wrong]:
    """What pydantic says of a file, with the id of the rule and the keys that there are."""
    for one in error.errors():
        path = tuple(one["loc"])
        where = (
            f"{_rule_at(values, path)}{'.'.join(str(p) for p in path if isinstance(p, str) and p != 'rule')}"
        )
        yield Wrong(path, f"{where}: {_remedy(path, one['type'], one['msg'])}")


def wrong_rules(file: RuleFile, base: Sequence[Rule], tools: Mapping[str, Tool]) -> list[Wrong]:
    """What is wrong with rules whose fields are right: names that stand for nothing, ladders, contradictions."""
    known = {rule.id for rule in base}
    wrong = [
        Wrong(("off", n), f"off: {_none('rule', id_, known)}")
        for n, id_ in enumerate(file.off)
        if id_ not in known
    ]
    first: dict[str, int] = {}
    for n, rule in enumerate(file.rule):
        if first.setdefault(rule.id, n) != n:
            says = f"rule {rule.id!r}: there is a rule of this id above; give it another one"
            wrong.append(Wrong(("rule", n, "id"), says))
    known |= set(first)
    for n, rule in enumerate(file.rule):
        for one in (*_references(rule, known), *_tool(rule, tools), *_conditions(rule)):
            wrong.append(Wrong(("rule", n, *one.path), f"rule {rule.id!r}: {one.says}"))
    return wrong


def _references(rule: Rule, known: set[str]) -> Iterator[Wrong]:
    for n, id_ in enumerate(rule.conflicts):
        if id_ == rule.id:
            yield Wrong(("conflicts", n), "conflicts with itself; take it out")
        elif id_ not in known:
            yield Wrong(("conflicts", n), f"conflicts: {_none('rule', id_, known)}")


def _tool(rule: Rule, tools: Mapping[str, Tool]) -> Iterator[Wrong]:
    if rule.leave:
        for name in ("tool", "ladder", "lowers", "risks"):
            if name in rule.model_fields_set:
                yield Wrong(
                    (name,), f"{name}: a rule that leaves things as they are has none; take it or `leave` out"
                )
    elif rule.tool is None:
        yield Wrong((), "names no tool; give `tool`, or `leave = true`")
    elif rule.tool not in tools:
        yield Wrong(("tool",), f"tool: {_none('tool', rule.tool, tools)}")
    else:
        yield from _fits(rule, tools[rule.tool])
        yield from _ladder(rule.ladder, tools[rule.tool])


def _fits(rule: Rule, tool: Tool) -> Iterator[Wrong]:
    if tool.resizes and rule.scope == "shot":
        yield Wrong(("tool",), f'{tool.name} changes the size of the picture; write scope = "video"')
    for n, type_ in enumerate(rule.lowers or ()):
        if type_ not in tool.treats:
            treated = ", ".join(tool.treats) or "none of the types"
            yield Wrong(("lowers", n), f"lowers: {tool.name} does not treat {type_}, but {treated}")


def _ladder(ladder: Ladder, tool: Tool) -> Iterator[Wrong]:
    before: dict[str, float] | None = None
    for severity in Severity:
        given = ladder.at(severity)
        sound = True
        for name, value in given.items():
            if says := _parameter(tool, name, value):
                sound = False
                yield Wrong(("ladder", severity.value, name), f"ladder.{severity}.{says}")
        if not sound:
            return
        filled = tool.filled(given)
        for name in before or ():
            parameter = tool.parameters[name]
            if before is not None and not parameter.no_weaker(filled[name], before[name]):
                yield Wrong(
                    ("ladder", severity.value, name),
                    f"ladder.{severity}.{name}: {filled[name]:g} after {before[name]:g}; "
                    f"{_DIRECTION[parameter.stronger]}",
                )
        before = filled


_DIRECTION = {
    "more": "what is more severe must not be treated with less of it",
    "less": "what is more severe must not be treated with more of it",
    "none": "it has no direction and must be the same at every strength",
}


def _parameter(tool: Tool, name: str, value: float) -> str | None:
    if name not in tool.parameters:
        return f"{name}: {_none(f'parameter of {tool.name}', name, tool.parameters)}"
    complaint = tool.parameters[name].complaint(value)
    return f"{name}: {complaint}" if complaint else None


def _conditions(rule: Rule) -> Iterator[Wrong]:
    yield from _condition(rule.when, ("when",), rule.scope)
    for n, guard in enumerate(rule.unless):
        yield from _condition(guard, ("unless", n), rule.scope)
    if rule.when.types and rule.strength:
        yield Wrong(("strength",), "strength: the findings give it; take it out, or `when.types`")
    if not rule.when.types and not rule.strength and not rule.leave:
        yield Wrong((), "looks at no findings that would give a strength; write `strength` or `when.types`")


def _condition(condition: Condition, path: Path, scope: str) -> Iterator[Wrong]:
    section = str(path[0])
    if not (condition.types or condition.signals or condition.video or condition.shot):
        yield Wrong(path, f"{section}: asks for nothing; give types, signals, video or shot")
    if not condition.types and {"severity", "share", "area", "key"} & condition.model_fields_set:
        yield Wrong(path, f"{section}: severity, share, area and key are of findings; name their types")
    named = (("signals", condition.signals), ("video", condition.video), ("shot", condition.shot))
    for kind, ranges in named:
        for name in ranges:
            if name not in _KNOWN[kind]:
                what = "signal" if kind == "signals" else "property"
                yield Wrong((*path, kind, name), f"{section}.{kind}: {_none(what, name, _KNOWN[kind])}")
    if condition.shot and scope == "video":
        yield Wrong(
            (*path, "shot"), f'{section}.shot: a rule of the whole video knows no shot; write scope = "shot"'
        )
    for kind, ranges in named:
        for name, asked in ranges.items():
            if asked.min is None and asked.max is None:
                yield Wrong((*path, kind, name), f"{section}.{kind}.{name}: give min, max or both")
            elif asked.min is not None and asked.max is not None and asked.min > asked.max:
                yield Wrong(
                    (*path, kind, name), f"{section}.{kind}.{name}: min is above max; nothing is in between"
                )


def _rule_at(values: Mapping[str, Any], path: Path) -> str:
    """How the rule is called that a path leads into; nothing for another path."""
    if len(path) < 2 or path[0] != "rule" or not isinstance(path[1], int):
        return ""
    rules = values.get("rule")
    rule = rules[path[1]] if isinstance(rules, list) else None
    id_ = rule.get("id") if isinstance(rule, dict) else None
    return f"rule {id_!r}: " if isinstance(id_, str) else f"rule {path[1] + 1}: "


def _remedy(path: Path, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        sections = [p for p in path[:-1] if isinstance(p, str)]
        inside = next((_SECTIONS[p] for p in reversed(sections) if p in _SECTIONS), RuleFile)
        return _none("key", str(path[-1]), inside.model_fields)
    if kind == "missing":
        return "is not given; it has to be"
    return message.removeprefix("Value error, ")


def _none(what: str, name: str, known: Iterable[str]) -> str:
    """There is no such thing; what may have been meant, else what there is."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"no {what} {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
    )
