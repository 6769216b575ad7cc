"""`finesight doctor` prints every check and fails only for what is required."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finesight.ui import checkup
from finesight.ui.checkup import Check
from finesight.ui.cli import app

GOOD = Check(name="python", ok=True, required=True, found="3.12")
NICE = Check(name="ffmpeg", ok=False, required=False, found="missing", remedy="pip install imageio-ffmpeg")
BAD = Check(name="torch", ok=False, required=True, found="missing", remedy='pip install "torch>=2.6"')


@pytest.mark.parametrize(("checks", "code"), [([GOOD, NICE], 0), ([GOOD, BAD, NICE], 1)])
def test_only_a_missing_requirement_fails(
    checks: list[Check], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fixed(folder: Path) -> list[Check]:
        return checks

    monkeypatch.setattr(checkup, "checkup", fixed)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == code
    for check in checks:
        assert check.name in shown.stdout
        assert check.remedy in shown.stdout
    records = CliRunner().invoke(app, ["doctor", "--json"])
    assert records.exit_code == code
    assert [json.loads(line) for line in records.stdout.splitlines()] == [c.model_dump() for c in checks]


def test_this_machine_is_examined() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    names = [json.loads(line)["name"] for line in result.stdout.splitlines()]
    assert {"python", "torch", "font for Chinese", "default model", "free disk", "free memory"} <= set(names)
