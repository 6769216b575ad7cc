"""Every file in configs/ says what it is for and loads with the command it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from finesight.config import load_config

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "configs").glob("**/*.toml"))


def header(file: Path) -> str:
    """The comment a file begins with, without its marks."""
    lines = file.read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(line.lstrip("# ") for line in lines[:end])


def command(file: Path) -> list[str]:
    """The words of the `finesight train ...` line of the header."""
    shown = re.search(r"^(?:torchrun .* --no-python )?(finesight train .*)$", header(file), re.M)
    assert shown, f"{file.name}: its header shows no `finesight train` command"
    return shlex.split(shown[1])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_config_says_purpose_hardware_and_what_to_expect(file):
    said = header(file).lower()
    assert not [word for word in ("purpose:", "hardware:", "expected:") if word not in said]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_config_loads_with_the_command_it_shows(file):
    from finesight.train.grpo import GrpoConfig
    from finesight.train.pipeline_settings import PipelineConfig
    from finesight.train.sft import SftConfig

    _, _, recipe, path, *overrides = command(file)
    assert (ROOT / path) == file
    recipes = {"sft": SftConfig, "grpo": GrpoConfig, "pipeline": PipelineConfig}
    assert load_config(recipes[recipe], file, overrides)


@pytest.mark.parametrize("file", [f for f in FILES if "8 GPUs" in header(f)], ids=lambda file: file.name)
def test_a_config_for_large_models_gives_the_reason_of_every_value(file):
    """Behind the value, or on the lines above it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    values = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(values) > 20
    assert not [lines[i] for i in values if "#" not in lines[i] and not lines[i - 1].startswith("#")]
