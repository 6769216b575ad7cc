from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from finesight.errors import ConfigError
from finesight.ui.cli import app


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('data = "d"\nout = "o"\nsteps = 5\n[nano]\nwidth = 96\nheads = 2\n')
    return path


def test_a_dry_run_prints_the_resolved_settings_and_trains_nothing(file, tmp_path):
    ran = CliRunner().invoke(app, ["train", "sft", str(file), "steps=7", f"out={tmp_path}/run", "--dry-run"])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["steps"], said["data"], said["nano"]["width"], said["batch"]) == (7, "d", 96, 16)
    assert not (tmp_path / "run").exists()


def test_settings_may_come_from_arguments_alone():
    ran = CliRunner().invoke(app, ["train", "sft", "data=d", "out=o", "steps=3", "--dry-run"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["steps"] == 3


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["step=3"], "step: Extra inputs"),
        (["nano.heads=5"], "nano: .*5 heads"),
        (["dense_steps=9"], "dense_steps 9"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(file, settings, complaint):
    ran = CliRunner().invoke(app, ["train", "sft", str(file), *settings, "--dry-run"])
    assert isinstance(ran.exception, ConfigError)
    with pytest.raises(ConfigError, match=complaint):
        raise ran.exception
    assert ran.stdout == ""


def test_data_that_is_not_there_is_named(file, tmp_path):
    ran = CliRunner().invoke(app, ["train", "sft", str(file), f"data={tmp_path}", f"out={tmp_path}/run"])
    assert "combined.json: not found" in str(ran.exception)
