from __future__ import annotations

import pytest

from finesight.config import load_config
from finesight.data.mine.settings import Band, MiningSettings
from finesight.errors import ConfigError
from finesight.schema.sample import Subclass


def test_a_subclass_has_what_is_said_of_it_and_else_what_is_said_for_all():
    settings = load_config(
        MiningSettings, None, ["low=0.2", "subclasses.assess.high=0.7", "subclasses.ref-grounding.epsilon=0"]
    )
    assert settings.band(Subclass.ASSESS) == Band(low=0.2, high=0.7)
    assert settings.band(Subclass.REF_GROUNDING) == Band(low=0.2, epsilon=0)
    assert settings.band(Subclass.SCORE) == Band(low=0.2)


def test_choices_have_no_interval_unless_they_are_given_one():
    assert MiningSettings(low=0.3).band(Subclass.MCQ) == Band(low=0, high=1)
    own = MiningSettings(subclasses={Subclass.MCQ: {"low": 0.3}, Subclass.QA: {"low": 0.4}})
    assert own.band(Subclass.MCQ) == Band(low=0.3, high=1)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("low=0.97", "low 0.97 is above high 0.95"),
        ("subclasses.assess.high=0.02", "subclasses.assess: low 0.05 is above high 0.02"),
        ("subclasses.asess.high=0.5", "subclasses"),
        ("subclasses.assess.mean=0.5", "subclasses.assess.mean"),
        ("epsilon=2", "epsilon"),
        ("unparsed=2", "unparsed"),
        ("min_scored=1", "min_scored"),
        ("budget=0", "budget"),
        ("balance=fair", "balance"),
        ("caps.questions=0", "caps.questions"),
        ("treshold=1", "treshold"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_config(MiningSettings, None, [override])
