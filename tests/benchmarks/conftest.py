"""A benchmark as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def run_benchmark() -> Run:
    """`run_benchmark(script, *options)`: the object that it prints on its last line."""

    def run(script: str, *options: str) -> dict[str, Any]:
        ran = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / script), *options, "--json"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )
        assert ran.returncode == 0, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return found

    return run
