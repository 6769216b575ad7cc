"""The attacks on the rewards: over references of the shape of the real data, none comes near an honest half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finesight.schema.sample import Subclass
from finesight.scoring.rewards import REWARDS

ROOT = Path(__file__).parents[2]
HONEST = ("the reference", "an honest half")
# Constant answers have no half to be held against; the scene of a brief assessment is free text.
EXCEPT = {("A, or fair", Subclass.SCORE), ("reference and 17 words", Subclass.BRIEF_ASSESS)}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    program = [sys.executable, str(ROOT / "benchmarks/reward_attacks.py"), "--references", "50", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("subclass", REWARDS)
def test_every_attack_earns_clearly_less_than_the_reference_and_an_honest_half(report, subclass):
    earned = {name: row[subclass] for name, row in report["earned"].items() if row[subclass] is not None}
    assert earned["the reference"] == 1
    half = earned.get("an honest half", 0.5)
    attacks = {name: value for name, value in earned.items() if name not in HONEST}
    assert len(attacks) >= 4
    assert not {n: v for n, v in attacks.items() if v > half - 0.1 and (n, subclass) not in EXCEPT}


def test_silence_pays_only_where_there_is_nothing(report):
    grounding = [Subclass.DIST_DETECT, Subclass.REG_PERCEPTION, Subclass.DIST_ASSESS]
    for attack in ("nothing found", "a box where there is none"):
        assert [report["earned"][attack][subclass] for subclass in grounding] == [0, 0, 0]


def test_it_says_how_long_a_reward_takes_for_each_subclass(report):
    assert set(report["microseconds"]) == set(REWARDS)
    assert all(set(times) == {"reward", "reading"} for times in report["microseconds"].values())
