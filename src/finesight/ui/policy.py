"""A learnt policy beside the rules, as text for a terminal."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finesight.schema.policy import Policy, Value


def policy_block(policy: Policy) -> RenderableType:
    """What each way was tried, what rules and policy are worth by each estimator, and whether that is a gain."""
    ways = Table(box=SIMPLE, show_edge=False)
    for name in ("way", "first tries", "penalty"):
        ways.add_column(name, justify="left" if name == "way" else "right")
    for arm, model in policy.arms.items():
        ways.add_row(arm, str(model.tries), f"{model.penalty:g}")
    worth = Table(box=SIMPLE, show_edge=False)
    for name in ("policy", "IPS", "SNIPS", "doubly robust", "95 %", "effective tries"):
        worth.add_column(name, justify="left" if name == "policy" else "right")
    for name, value in (("rules", policy.rules), ("learnt", policy.learnt)):
        if value:
            worth.add_row(name, *_numbers(value))
    return Group(ways, worth, Text(_said(policy), style="bold"))


def _numbers(value: Value) -> tuple[str, ...]:
    low_high = f"{value.low:.3f} .. {value.high:.3f}"
    return (
        f"{value.ips:.3f}",
        f"{value.snips:.3f}",
        f"{value.dr:.3f}",
        low_high,
        f"{value.effective:.0f}",
    )


def _said(policy: Policy) -> str:
    if policy.gain is None:
        return "not valued"
    gain, low, high = policy.gain
    shown = "shown to be better than the rules" if policy.better else "not shown to be better than the rules"
    return f"{shown}: {gain:+.3f} a first try ({low:+.3f} .. {high:+.3f})"
