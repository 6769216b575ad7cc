"""Where a value of a TOML text stands."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.video.toml_lines import line_of_error, lines_of

TEXT = """\
# A comment, and an empty line.

version = 1

[[rule]]
id = "a"
when.types = [
    "Noise",
    "Low clarity",
]
why = \"\"\"
id = "not a key"
\"\"\"

[rule.ladder]
minor = { luma = 1, chroma = 2 }

[[rule]]
id = "b"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 3),
        (("rule", 0), 5),
        (("rule", 0, "id"), 6),
        (("rule", 0, "when", "types", 1), 7),
        (("rule", 0, "why"), 11),
        (("rule", 0, "ladder", "minor", "chroma"), 16),
        (("rule", 1), 18),
        (("rule", 1, "id"), 19),
    ],
)
def test_a_value_is_on_the_line_where_it_begins(path, line):
    assert lines_of(TEXT, [path]) == [line]


def test_what_is_not_there_has_the_line_of_what_it_would_be_in():
    asked = [("rule", 1, "tool"), ("rule", 0, "ladder", "severe", "luma"), ("nothing",)]
    assert lines_of(TEXT, asked) == [18, 15, 1]


_NAMES = st.text("abcdefgh", min_size=1, max_size=4)
_VALUES = st.sampled_from(["1", "true", '"x = 1"', "[\n  1,\n  2,\n]", '"""\n[[rule]]\n"""', "{ a = 1 }"])


@given(
    st.lists(
        st.tuples(_NAMES, _VALUES, st.integers(0, 2)), min_size=1, max_size=8, unique_by=lambda kv: kv[0]
    )
)
def test_every_key_of_any_text_is_found_on_its_line(entries):
    text, places = "", {}
    for name, value, blank in entries:
        text += "\n# a = 1\n" * blank
        places[name] = text.count("\n") + 1
        text += f"{name} = {value}\n"
    assert lines_of(text, [(name,) for name in places]) == list(places.values())


def test_the_line_of_a_mistake_is_the_parsers():
    text = "a = 1\nb = = 2\n"
    with pytest.raises(tomllib.TOMLDecodeError) as error:
        tomllib.loads(text)
    assert line_of_error(error.value, text) == 2


def test_a_text_that_ends_too_early_is_wrong_at_its_end():
    text = 'a = 1\nb = """\n'
    with pytest.raises(tomllib.TOMLDecodeError) as error:
        tomllib.loads(text)
    assert line_of_error(error.value, text) == 3
