"""Limits: each shipped tool has some, the page shows them, and how those of several tools combine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.limits import Limits, load_limits
from finesight.video.tools import TOOLS

LIMITS = load_limits()
PAGE = (Path(__file__).parents[2] / "docs" / "acceptance.md").read_text(encoding="utf-8")


def test_each_tool_has_limits_and_each_limit_a_tool():
    assert set(LIMITS.tool) == set(TOOLS)


@pytest.mark.parametrize("name", ["untouched", *LIMITS.tool])
def test_the_page_shows_each_set_as_it_is(name):
    one = LIMITS.tool.get(name, LIMITS.untouched)
    least, most = one.detail
    numbers = [f"{n:g}" for n in (one.neg, one.v1, one.colour, one.brightness)]
    assert f"| `{name}` | {' | '.join(numbers)} | {least:g} .. {most:g} | {one.flicker:g} |" in PAGE


def test_what_is_not_given_is_as_for_a_shot_that_was_left_alone():
    least = Limits(neg=1, v1=1, why="a", source="b")
    named = ("colour", "brightness", "detail", "flicker")
    assert all(getattr(least, name) == getattr(LIMITS.untouched, name) for name in named)


def test_of_two_tools_floors_multiply_and_differences_add_up():
    both = LIMITS.of(["hqdn3d", "unsharp"])
    assert (both.neg, both.v1) == (pytest.approx(58 * 0.8), pytest.approx(52 * 0.84))
    assert both.colour == 7
    assert both.detail == (pytest.approx(0.8 * 0.95), pytest.approx(1.05 * 1.4))


@given(st.lists(st.sampled_from([*TOOLS, "unknown"]), max_size=4), st.sampled_from(sorted(TOOLS)))
def test_a_further_tool_never_narrows_what_is_allowed(names, another):
    before, after = LIMITS.of(names or [another]), LIMITS.of([*names, another])
    assert after.neg <= before.neg
    assert after.v1 <= before.v1
    assert after.colour >= before.colour
    assert after.detail[0] <= before.detail[0] <= 1 <= before.detail[1] <= after.detail[1]


def test_nothing_called_is_a_shot_that_was_left_alone_and_so_is_a_tool_that_is_not_known():
    assert LIMITS.of([]) == LIMITS.of(["unknown"]) == LIMITS.untouched
