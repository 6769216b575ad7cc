"""Rule files: what may be in them, and the line of everything that may not."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from finesight.errors import ConfigError
from finesight.schema.plan import Step
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.video.rule_files import default_rules, load_rules, read_rules
from finesight.video.tool import Tool
from finesight.video.tools import TOOLS

RULE = """\
[[rule]]
id = "mine"
why = "because"
tool = "hqdn3d"
when.types = ["Noise"]
ladder.minor = { luma = 4 }
ladder.moderate = { luma = 8 }
ladder.severe = { luma = 16 }
"""


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read_rules(text, "my.toml")
    return str(error.value).splitlines()


def changed(old: str, new: str) -> str:
    assert old in RULE
    return RULE.replace(old, new)


def test_the_shipped_rules_ask_for_all_ten_types():
    asked = {type_ for rule in default_rules().rules for type_ in rule.when.types}
    assert asked == set(DistortionType)


def test_no_file_is_the_shipped_rules():
    assert load_rules() == default_rules()


def test_a_new_rule_stands_before_the_shipped_ones():
    ids = [rule.id for rule in default_rules().rules]
    assert [rule.id for rule in read_rules(RULE, "my.toml").rules] == ["mine", *ids]


def test_a_rule_of_the_same_id_takes_the_place_of_the_shipped_one():
    rules = read_rules(changed('"mine"', '"denoise"'), "my.toml").rules
    assert [rule.id for rule in rules] == [rule.id for rule in default_rules().rules]
    denoise = next(rule for rule in rules if rule.id == "denoise")
    assert denoise.why == "because"
    assert denoise.ladder.at(Severity.SEVERE) == {"luma": 16}


def test_rules_that_are_off_are_gone_though_others_name_them():
    assert any("sharpen" in rule.conflicts for rule in default_rules().rules)
    rules = read_rules('off = ["sharpen"]\n', "my.toml").rules
    assert {rule.id for rule in default_rules().rules} - {rule.id for rule in rules} == {"sharpen"}


def test_a_file_may_start_anew():
    assert [rule.id for rule in read_rules('extends = "nothing"\n' + RULE, "my.toml").rules] == ["mine"]


def test_other_rules_have_another_digest():
    assert read_rules(RULE, "a").digest == read_rules("# the same\n" + RULE, "b").digest
    assert (
        len({read_rules(RULE, "a").digest, read_rules(changed("4", "5"), "a").digest, default_rules().digest})
        == 3
    )


def test_types_and_severities_have_their_other_names():
    text = changed('when.types = ["Noise"]', 'when = { types = ["噪点"], severity = "Slight" }')
    rule = read_rules(text, "my.toml").rules[0]
    assert (rule.when.types, rule.when.severity) == ((DistortionType.NOISE,), Severity.MINOR)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            changed('"hqdn3d"', '"hqdn3"'),
            "my.toml:4: rule 'mine': tool: no tool 'hqdn3'; did you mean 'hqdn3d'?",
        ),
        (
            changed("luma = 8", "lumo = 8"),
            "my.toml:7: rule 'mine': ladder.moderate.lumo: no parameter of hqdn3d 'lumo'; did you mean 'luma'?",
        ),
        (
            changed("luma = 16", "luma = 7"),
            "my.toml:8: rule 'mine': ladder.severe.luma: 7 after 8; "
            "what is more severe must not be treated with less of it",
        ),
        (
            changed("luma = 16", "luma = 1000"),
            "my.toml:8: rule 'mine': ladder.severe.luma: is 1000; give 0 to 100",
        ),
        (
            RULE + "colour = 1\n",
            "my.toml:9: rule 'mine': colour: no key 'colour'; there are id, why, tool, leave, scope, when, unless, "
            "strength, ladder, conflicts, lowers, risks",
        ),
        (RULE + RULE, "my.toml:10: rule 'mine': there is a rule of this id above; give it another one"),
        (
            changed('"hqdn3d"', '"hqdn3d"\nconflicts = ["sharpe"]'),
            "my.toml:5: rule 'mine': conflicts: no rule 'sharpe'; did you mean 'sharpen'?",
        ),
        (
            changed('"hqdn3d"', '"hqdn3d"\nconflicts = ["mine"]'),
            "my.toml:5: rule 'mine': conflicts with itself; take it out",
        ),
        (
            changed('types = ["Noise"]', 'types = ["Noise"]\nwhen.share = 2'),
            "my.toml:6: rule 'mine': when.share: Input should be less than or equal to 1",
        ),
        (
            changed('types = ["Noise"]', 'types = ["Noise"]\nwhen.share = true'),
            "my.toml:6: rule 'mine': when.share: Input should be a valid number",
        ),
        (
            changed('"Noise"', '"Nois"'),
            "my.toml:5: rule 'mine': when.types: no distortion 'Nois'; there are "
            + ", ".join(DistortionType),
        ),
        (changed('why = "because"\n', ""), "my.toml:1: rule 'mine': why: is not given; it has to be"),
        (
            changed('tool = "hqdn3d"', "leave = false").replace("ladder", "#"),
            "my.toml:1: rule 'mine': names no tool; give `tool`, or `leave = true`",
        ),
        (
            changed('tool = "hqdn3d"', "leave = true"),
            "my.toml:6: rule 'mine': ladder: a rule that leaves things as they are has none; take it or `leave` out",
        ),
        (
            changed('"hqdn3d"', '"hqdn3d"\nlowers = ["Overexposure"]'),
            "my.toml:5: rule 'mine': lowers: hqdn3d does not treat Overexposure, but Noise",
        ),
        (
            changed('when.types = ["Noise"]', "when.video.heigth = 3\nstrength = 'minor'"),
            "my.toml:5: rule 'mine': when.video: no property 'heigth'; did you mean 'height'?",
        ),
        (
            changed('when.types = ["Noise"]', "when.signals.nois = 3\nstrength = 'minor'"),
            "my.toml:5: rule 'mine': when.signals: no signal 'nois'; did you mean 'noise'?",
        ),
        (
            changed('when.types = ["Noise"]', "when.video.height = { min = 3, max = 2 }\nstrength = 'minor'"),
            "my.toml:5: rule 'mine': when.video.height: min is above max; nothing is in between",
        ),
        (
            changed('when.types = ["Noise"]', "when.signals.noise.min = 3"),
            "my.toml:1: rule 'mine': looks at no findings that would give a strength; "
            "write `strength` or `when.types`",
        ),
        (
            changed('when.types = ["Noise"]', "when.share = 0.5\nstrength = 'minor'"),
            "my.toml:5: rule 'mine': when: asks for nothing; give types, signals, video or shot",
        ),
        ('off = ["denois"]\n', "my.toml:1: off: no rule 'denois'; did you mean 'denoise'?"),
        ("version = 2\n", "my.toml:1: version: Input should be 1"),
        ("a = 1\nb = = 2\n", "my.toml:2: not TOML: Invalid value (at line 2, column 5)"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_remedy(text, says):
    assert says in complaints(text)


def test_everything_that_is_wrong_is_said_at_once():
    text = (
        changed('"hqdn3d"', '"hqdn3"')
        + "[[rule]]\nid = 'b'\nwhy = 'x'\nleave = true\nwhen.signals.blur = {}\n"
    )
    assert [line.split(":")[1] for line in complaints(text)] == ["4", "13"]


def test_a_tool_that_changes_the_size_is_for_the_whole_video():
    text = "[[rule]]\nid = 'big'\nwhy = 'x'\ntool = 'enlarge'\nwhen.types = ['Low clarity']\n"
    assert complaints(text) == [
        "my.toml:4: rule 'big': enlarge changes the size of the picture; write scope = \"video\""
    ]
    assert read_rules(text + "scope = 'video'\n", "my.toml").rules[0].id == "big"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot be read .*give a TOML file of rules"):
        load_rules(tmp_path / "nothing.toml")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("elsewhere")
    module.GREY = Tool(name="grey", step=Step.COLOUR, says="takes colour out", filter="hue=s=0", fps=1)  # type: ignore[attr-defined]
    module.AGAIN = [TOOLS["cas"]]  # type: ignore[attr-defined]
    module.NUMBER = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    return module


def test_tools_from_outside_come_by_import_string(elsewhere):
    text = 'tools = ["elsewhere:GREY"]\n' + changed('"hqdn3d"', '"grey"').partition("ladder")[0]
    rules = read_rules(text, "my.toml")
    assert rules.tools["grey"] is elsewhere.GREY
    assert rules.rules[0].tool == "grey"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("elsewhere", "write package.module:NAME"),
        ("elsewhere:BLUE", "cannot be imported (AttributeError"),
        ("nowhere_at_all:X", "cannot be imported (ModuleNotFoundError"),
        ("elsewhere:NUMBER", "is not a finesight.video.tool.Tool"),
        ("elsewhere:AGAIN", "there is a tool 'cas' already"),
    ],
)
def test_tools_from_outside_that_are_none_are_refused(elsewhere, place, says):
    (line,) = complaints(f'version = 1\ntools = ["{place}"]\n')
    assert line.startswith("my.toml:2: tool ")
    assert says in line
