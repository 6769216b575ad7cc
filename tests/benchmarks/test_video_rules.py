"""What the shipped rules gain: every call brings a real photograph with a known flaw nearer to the clean one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from finesight.schema.taxonomy import DistortionType

ROOT = Path(__file__).parents[2]
LEFT = {DistortionType.MOTION_BLUR, DistortionType.MEANINGLESS_SOLID_COLOR}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    data = pytest.importorskip("skimage.data")
    photo = tmp_path_factory.mktemp("photos") / "astronaut.png"
    cv2.imwrite(str(photo), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    program = [sys.executable, str(ROOT / "benchmarks/video_rules.py"), str(photo), "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_every_type_and_severity_is_decided_by_a_rule(rows):
    assert len(rows) == 30
    assert all(row["rule"] for row in rows)


def test_every_call_gains_something(rows):
    assert not [row for row in rows if row["gain"] is not None and row["gain"] <= 0]


def test_what_is_left_is_what_no_filter_mends(rows):
    left = {(row["type"], row["severity"]) for row in rows if row["gain"] is None}
    assert {type_ for type_, _ in left} == LEFT | {DistortionType.OUT_OF_FOCUS_BLUR}
    assert (DistortionType.OUT_OF_FOCUS_BLUR, "moderate") not in left
