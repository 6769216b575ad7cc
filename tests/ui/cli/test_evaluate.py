"""`finesight eval`, and the worked example of its documentation."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finesight.errors import InputError
from finesight.scoring.mipi import INDICATORS
from finesight.ui.cli import app

DOCS = Path(__file__).parents[3] / "docs" / "scoring.md"
KEYS = {*INDICATORS, "final", "unparsed", "skipped", "protocol", "reasons"}
STRICT_KEYS = KEYS | {"intervals", "per_type", "key_precision", "key_recall", "missing"}


def run(*arguments: object):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


@pytest.fixture
def example(tmp_path):
    """The files of the worked example, written out of docs/scoring.md."""
    blocks = re.findall(
        r"^`((?:predictions|reference)/[\w-]+\.json)`\n\n```json\n(.*?)^```", DOCS.read_text(), re.M | re.S
    )
    assert len(blocks) == 6
    for name, content in blocks:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path / "predictions", tmp_path / "reference"


def documented(protocol: str) -> dict[str, float]:
    """The column of the worked example's table."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|", DOCS.read_text(), re.M)
    return {name: float(official if protocol == "official" else strict) for name, official, strict in rows}


@pytest.mark.parametrize(("protocol", "keys"), [("official", KEYS), ("strict", STRICT_KEYS)])
def test_the_worked_example_of_the_docs_gives_the_scores_of_its_table(example, protocol, keys):
    result = run("mipi", *example, "--protocol", protocol, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert set(record) == keys
    expected = documented(protocol)
    assert set(expected) == {*INDICATORS, "final", "unparsed", "skipped"}
    assert {name: record[name] for name in expected} == pytest.approx(expected, abs=5e-5)


def test_the_official_protocol_is_the_default_and_without_json_there_is_a_table(example):
    result = run("mipi", *example)
    assert result.exit_code == 0
    assert "official" in result.stdout
    for name, value in documented("official").items():
        if name in (*INDICATORS, "final"):
            assert re.search(rf"{name.replace('_', ' ')}\W+{value:.4f}", result.stdout), name


def test_reasons_go_to_stderr_and_a_long_list_is_cut(tmp_path):
    items = [{"image": "a", "pred_ans": "no"} for _ in range(15)]
    (tmp_path / "description.json").write_text(json.dumps(items))
    result = run("mipi", tmp_path, tmp_path)
    assert "unparsed" not in result.stdout.replace("15 unparsed", "")
    assert "description_map is 0.0: bench_metadata.json: FileNotFoundError" in result.stderr
    assert "more; --json has them all" in result.stderr


@pytest.mark.parametrize("protocol", ["official", "strict"])
def test_a_missing_folder_is_an_error_that_names_it(tmp_path, protocol):
    result = run("mipi", tmp_path, tmp_path / "absent", "--protocol", protocol)
    assert result.exit_code == 1
    assert isinstance(result.exception, InputError)
    assert str(tmp_path / "absent") in str(result.exception)


def test_an_unknown_protocol_is_a_usage_error(tmp_path):
    assert run("mipi", tmp_path, tmp_path, "--protocol", "lenient").exit_code == 2


@pytest.fixture
def tables(tmp_path):
    said, true = tmp_path / "said.csv", tmp_path / "true.csv"
    said.write_text("image,pred_mos\n" + "".join(f"{i}.png,{i}\n" for i in range(12)))
    true.write_text(
        "name;MOS\n" + "".join(f"{i}.png;{i * i / 9 + 1}\n" for i in range(1, 13)) + "x.png;high\n"
    )
    return said, true


def test_mos_joins_by_image_and_says_what_it_left_out(tables):
    record = json.loads(run("mos", *tables, "--json").stdout)
    assert record["count"] == 11
    assert record["srcc"]["value"] == record["krcc"]["value"] == 1
    assert 0.9 < record["plcc"]["value"] < 1
    assert record["rmse"]["higher_is_better"] is False
    assert record["skipped"] == len(record["reasons"]) == 3
    assert any("'high' is not a number" in reason for reason in record["reasons"])
    assert any("12.png has no prediction" in reason for reason in record["reasons"])
    assert any("0.png is not in the truth" in reason for reason in record["reasons"])


def test_the_table_of_mos_names_every_metric_and_the_logistic_brings_the_values_close(tables):
    shown = run("mos", *tables, "--logistic").stdout
    assert all(name in shown for name in ("SRCC", "PLCC", "KRCC", "RMSE", "11 pictures"))
    distance = re.search(r"RMSE\W+([\d.]+)", shown)
    assert float(distance[1]) < 0.2, shown


def test_tables_without_a_common_image_are_an_error(tables, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("image,mos\nz.png,3\n")
    assert isinstance(run("mos", tables[0], other).exception, InputError)


def test_help_loads_none_of_the_heavy_libraries():
    code = (
        "import sys; from finesight.ui.cli import evaluate; "
        "print({m for m in ('torch', 'scipy', 'cv2', 'matplotlib', 'numpy') if m in sys.modules})"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )
