"""docs/rules.md is held to the code: every field, tool, rule, property and signal, and its example is a rule file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from finesight.schema.plan import Step
from finesight.schema.taxonomy import Severity
from finesight.video.facts import SHOT, VIDEO
from finesight.video.rule_files import default_rules, read_rules
from finesight.video.rules import Condition, Guard, Ladder, Range, Rule, RuleFile
from finesight.video.signals import SHOT_SIGNALS, SIGNALS
from finesight.video.tool import Parameter, Tool
from finesight.video.tools import TOOLS

PAGE = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)


def tool_row(tool: Tool) -> str:
    treats, harms = (", ".join(types) or "-" for types in (tool.treats, tool.harms))
    bits = str(tool.bits) if tool.bits < 16 else "any"
    cells = [f"`{tool.name}`", tool.step, tool.says, treats, harms, tool.radius, f"{tool.fps:g}", bits]
    return f"| {' | '.join(map(str, cells))} |"


def parameter_row(tool: Tool, name: str, parameter: Parameter) -> str:
    cells = [f"`{tool.name}`", f"`{name}`", parameter.says, f"{parameter.least:g} to {parameter.most:g}"]
    kind = "" if parameter.kind == "number" else parameter.kind
    return f"| {' | '.join([*cells, f'{parameter.default:g}', parameter.stronger, kind])} |"


def rule_row(rule: Rule) -> str:
    when = ", ".join(rule.when.types) or ", ".join((*rule.when.signals, *rule.when.video))
    if not rule.tool:
        return f"| `{rule.id}` | {when} | leave it | {rule.why} |"
    tool = TOOLS[rule.tool]
    rungs = [tool.filled(rule.ladder.at(severity)) for severity in Severity]
    changing = [name for name in tool.parameters if len({rung[name] for rung in rungs}) > 1]
    ladder = "; ".join(f"{name} {', '.join(f'{rung[name]:g}' for rung in rungs)}" for name in changing)
    return f"| `{rule.id}` | {when} | `{tool.name}`{': ' + ladder if ladder else ''} | {rule.why} |"


def rows() -> Iterator[str]:
    yield from map(tool_row, TOOLS.values())
    yield from (
        parameter_row(tool, name, p) for tool in TOOLS.values() for name, p in tool.parameters.items()
    )
    yield from map(rule_row, default_rules().rules)


@pytest.mark.parametrize("row", list(rows()))
def test_every_tool_parameter_and_rule_has_its_row(row):
    assert row in PAGE.splitlines()


@pytest.mark.parametrize("kind", [RuleFile, Rule, Condition, Guard, Ladder, Range])
def test_every_field_of_a_rule_file_is_described(kind):
    assert not [name for name in kind.model_fields if f"`{name}`" not in PAGE]


def test_every_field_of_a_tool_is_described():
    assert not [name for name in (*Tool.model_fields, *Parameter.model_fields) if f"`{name}`" not in PAGE]


def test_every_property_and_signal_is_named():
    assert not [name for name in (*VIDEO, *SHOT, *SIGNALS, *SHOT_SIGNALS) if f"`{name}`" not in PAGE]


def test_the_order_of_the_work_is_told():
    assert ", ".join(Step) in PAGE


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_are_files_of_rules(number):
    assert read_rules(EXAMPLES[number], "docs/rules.md").rules


def test_there_are_examples():
    assert EXAMPLES
