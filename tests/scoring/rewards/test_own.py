"""Rewards of the user: found by import string, or refused with the remedy."""

from __future__ import annotations

import pytest

from finesight.errors import ConfigError
from finesight.schema.sample import Subclass
from finesight.scoring.rewards import load_rewards

MINE = """
from finesight.scoring.rewards import Reward

def short(sample, answer, settings):
    return Reward(1.0 if len(answer) < 20 else 0.0)

NUMBER = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_rewards.py").write_text(MINE)
    (tmp_path / "my_broken_rewards.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(tmp_path)


def test_functions_are_found_by_module_and_name(module):
    import my_rewards

    assert load_rewards({"qa": "my_rewards:short", "mcq": "my_rewards:short"}) == {
        Subclass.QA: my_rewards.short,
        Subclass.MCQ: my_rewards.short,
    }


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"mqc": "my_rewards:short"}, "'mqc': no such subclass; there are assess, "),
        ({"mcq": "my_rewards.short"}, "'my_rewards.short' is not of the form package.module:function"),
        ({"mcq": ":short"}, "not of the form"),
        ({"mcq": "my_reward:short"}, "my_reward cannot be imported .* put its folder on PYTHONPATH"),
        ({"mcq": "my_broken_rewards:x"}, "cannot be imported .*no_such_module_anywhere"),
        ({"mcq": "my_rewards:long"}, "my_rewards has no 'long'"),
        ({"mcq": "my_rewards:NUMBER"}, "my_rewards:NUMBER is not a function"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(module, entries, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_rewards(entries)
