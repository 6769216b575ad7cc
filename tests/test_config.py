from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from finesight.config import load_config
from finesight.errors import ConfigError


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=8, gt=0)
    names: dict[str, float] = {}


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0)
    out: Path = Path("run")
    title: str = "none"
    inner: Inner = Inner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text('steps = 5\ntitle = "of the file"\n[inner]\nwidth = 16\n')
    return path


def test_a_file_gives_the_values_and_the_rest_is_as_it_was(file):
    expected = Settings(steps=5, title="of the file", inner=Inner(width=16))
    assert load_config(Settings, file) == expected


def test_overrides_go_on_top_of_the_file_and_the_last_one_wins(file):
    config = load_config(Settings, file, ["inner.width=4", "steps=6", "steps=7", "inner.names.a=0.5"])
    assert config == Settings(steps=7, title="of the file", inner=Inner(width=4, names={"a": 0.5}))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("title=plain words", "plain words"),
        ('title="quoted"', "quoted"),
        ("title=a=b", "a=b"),
        ("title=", ""),
        ("title=runs/a.toml", "runs/a.toml"),
    ],
)
def test_what_is_not_toml_or_json_is_text(override, expected):
    assert load_config(Settings, None, ["steps=1", override]).title == expected


@pytest.mark.parametrize("override", ["inner.names={a=1, b-c=2.5}", 'inner.names={"a": 1, "b-c": 2.5}'])
def test_tables_may_be_written_as_toml_or_json(override):
    assert load_config(Settings, None, ["steps=1", override]).inner.names == {"a": 1.0, "b-c": 2.5}


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["step=5"], r"run\.toml: step: Extra inputs"),
        (["inner.depth=5"], r"run\.toml: inner\.depth: Extra inputs"),
        (["steps=many"], r"run\.toml: steps: .*integer"),
        (["inner.width=0", "steps=0"], r"steps: .*greater than 0; inner\.width: .*greater than 0"),
        (["steps"], r"override 'steps': write it as key=value"),
        (["=3"], r"override '=3': write it as key=value"),
        (["steps.more=3"], r"override 'steps\.more=3': 'steps' is a value, not a section"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_field(file, overrides, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_config(Settings, file, overrides)


def test_a_missing_field_is_named_without_a_file_too():
    with pytest.raises(ConfigError, match="settings: steps: Field required"):
        load_config(Settings, None)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"steps = ", "not TOML"),
        (b"\xff", "not TOML"),
        (b"steps = 1\nsteps = 2", "not TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_not_toml_is_named(tmp_path, content, complaint):
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"bad\.toml: {complaint}"):
        load_config(Settings, path)
