"""Rewards of the user: found by import string, or refused with the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from finesight.errors import ConfigError
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards import load_rewards, reward_of

PAGE = Path(__file__).parents[3] / "docs/rewards.md"

MINE = """
from finesight.scoring.rewards import Reward

def short(sample, answer, settings):
    return Reward(1.0 if len(answer) < 20 else 0.0)

NUMBER = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "user_rewards.py").write_text(MINE)
    (tmp_path / "user_broken_rewards.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(tmp_path)


def test_functions_are_found_by_module_and_name(module):
    import user_rewards

    assert load_rewards({"qa": "user_rewards:short", "mcq": "user_rewards:short"}) == {
        Subclass.QA: user_rewards.short,
        Subclass.MCQ: user_rewards.short,
    }


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"mqc": "user_rewards:short"}, "'mqc': no such subclass; there are assess, "),
        ({"mcq": "user_rewards.short"}, "'user_rewards.short' is not of the form package.module:function"),
        ({"mcq": ":short"}, "not of the form"),
        ({"mcq": "user_reward:short"}, "user_reward cannot be imported .* put its folder on PYTHONPATH"),
        ({"mcq": "user_broken_rewards:x"}, "cannot be imported .*no_such_module_anywhere"),
        ({"mcq": "user_rewards:long"}, "user_rewards has no 'long'"),
        ({"mcq": "user_rewards:NUMBER"}, "user_rewards:NUMBER is not a function"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(module, entries, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_rewards(entries)


def test_the_example_of_the_docs_can_be_loaded_and_rewards(tmp_path, monkeypatch):
    code = re.search(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / f"{code[1]}.py").write_text(code[2])
    monkeypatch.syspath_prepend(tmp_path)
    entry = re.search(r"load_rewards\(\{\"qa\": \"(.*?)\"\}\)", PAGE.read_text(encoding="utf-8"))[1]
    own = load_rewards({"qa": entry})
    free = Sample(id="s", image="a.png", subclass=Subclass.QA, question="?", answer="a red car")
    answers = ("a red car", "a blue car", "")
    assert [reward_of(free, answer, own=own).value for answer in answers] == [1, 0.5, 0]
