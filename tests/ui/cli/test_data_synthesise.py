import inspect
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from finesight.schema.taxonomy import DistortionType
from finesight.ui.cli import app
from finesight.ui.cli.data_synthesise import synthesise_


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "a.png"), cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_NEAREST))
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, ["data", "synthesise", *map(str, arguments)])


def test_the_table_goes_to_stdout_and_what_was_skipped_to_stderr(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"?")
    result = run(photos, tmp_path / "out", "--count", 4, "--size", 96, "--seed", 2)
    assert result.exit_code == 0
    assert "Edge ringing effect" in result.stdout
    assert str(tmp_path / "out" / "metadata.json") in result.stdout
    assert "skipped broken.jpg" in result.stderr
    assert "skipped" not in result.stdout


def test_json_is_the_whole_of_stdout(photos: Path, tmp_path: Path) -> None:
    options = ("--count", 2, "--size", 96, "--balance", "uniform", "--max-boxes", 2, "--json")
    result = run(photos, tmp_path / "out", *options)
    report = json.loads(result.stdout)
    assert report["config"]["balance"] == "uniform"
    assert report["statistics"]["boxes"] <= 4


@pytest.mark.parametrize("arguments", [("--count", 0), ("--size", 10), ("--workers", 0), ("--balance", "x")])
def test_a_setting_out_of_range_is_a_usage_error(photos: Path, tmp_path: Path, arguments: tuple) -> None:
    assert run(photos, tmp_path / "out", *arguments).exit_code == 2


def test_a_folder_without_photographs_is_an_error_of_the_tool(tmp_path: Path) -> None:
    result = run(tmp_path, tmp_path / "out")
    assert result.exit_code == 1
    assert "no photograph" in str(result.exception)


def test_the_documentation_names_every_option_type_and_file(photos: Path, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "synthesis.md").read_text("utf-8")
    parameters = inspect.signature(synthesise_).parameters
    options = {name.replace("_", "-") for name in parameters} - {"photos", "out", "as-json"} | {"json"}
    assert all(f"`--{option}`" in text for option in options)
    assert all(f"| {kind.value} |" in text for kind in DistortionType)
    assert run(photos, tmp_path / "out", "--count", 1, "--size", 96).exit_code == 0
    assert all(f"`{p.name}`" in text for p in (tmp_path / "out").iterdir() if p.is_file())
