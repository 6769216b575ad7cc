"""`finesight data merge` on samples of real form: what it saves, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finesight.data.questions import questions_of
from finesight.data.readers.samples import write_samples
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.cli import app

COMBINED = Path("samples", "combined.json")


def distortion(kind: DistortionType, box: Box, significance: int) -> Distortion:
    return Distortion(type=kind, severity=Severity.MODERATE, box=box, significance=significance)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    listed = (
        distortion(DistortionType.NOISE, Box.of(0, 0, 500, 600), 2),
        distortion(DistortionType.MOTION_BLUR, Box.of(300, 200, 900, 1000), 1),
    )
    pictures = [
        Annotation(image=f"{i}.png", width=280, height=196, mos=3, level=Level.FAIR, distortions=listed)
        for i in range(3)
    ]
    write_samples(tmp_path / "in" / "samples", [s for p in pictures for s in questions_of(p, 0)])
    return tmp_path / "in"


def merged(source: Path, out: Path, *options: str) -> dict:
    ran = CliRunner().invoke(app, ["data", "merge", str(source), str(out), "--json", *options])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def records(folder: Path) -> list[dict]:
    return json.loads((folder / COMBINED).read_text(encoding="utf-8"))


def test_what_was_merged_comes_apart_again_as_it_was(source, tmp_path):
    merged(source, tmp_path / "merged")
    merged(tmp_path / "merged", tmp_path / "back", "--mode", "separate")
    assert len(records(tmp_path / "merged")) < len(records(source))
    assert records(tmp_path / "back") == records(source)


def test_a_tree_keeps_every_sample_and_lays_those_of_a_picture_together(source, tmp_path):
    merged(source, tmp_path / "tree", "--mode", "tree")
    got, given = records(tmp_path / "tree"), records(source)
    assert sorted(map(json.dumps, got)) == sorted(map(json.dumps, given))
    pictures = [r["image"] for r in got]
    assert pictures == sorted(pictures)


def test_the_report_counts_the_work_of_each_layout(source, tmp_path):
    works = merged(source, tmp_path / "merged")["workloads"]
    assert {w["questions"] for w in works.values()} == {len(records(source))}
    assert works["separate"]["images"] == len(records(source))
    assert works["merge"]["images"] == len(records(tmp_path / "merged"))
    assert works["tree"]["images"] == 3
    assert works["tree"]["answers"] == works["separate"]["answers"]
    assert works["tree"]["tokens"] < works["merge"]["tokens"] < works["separate"]["tokens"]


def test_the_flops_are_those_that_the_estimate_of_the_model_gives(source, tmp_path):
    from finesight.schema.workload import Workload
    from finesight.train.estimate import find_size, flops

    costs = []
    for number, model in enumerate(("Qwen2.5-VL-7B", "InternVL3-8B")):
        report = merged(source, tmp_path / str(number), "--model", model)
        expected = {
            layout: flops(find_size(model), Workload.model_validate(work)).total
            for layout, work in report["workloads"].items()
        }
        assert {layout: cost["total"] for layout, cost in report["flops"].items()} == expected
        assert expected["tree"] < expected["merge"] < expected["separate"]
        costs.append(expected)
    assert costs[0] != costs[1]
    shown = CliRunner().invoke(app, ["data", "merge", str(source), str(tmp_path / "shown")])
    assert f"{costs[0]['tree']:.3g}" in next(row for row in shown.stdout.splitlines() if "FLOPs" in row)


def test_a_model_of_unknown_size_is_named_before_anything_is_written(source, tmp_path):
    ran = CliRunner().invoke(app, ["data", "merge", str(source), str(tmp_path / "out"), "--model", "nobody"])
    assert ran.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_a_cap_of_one_question_merges_nothing(source, tmp_path):
    merged(source, tmp_path / "merged", "--max-questions", "1")
    assert len(records(tmp_path / "merged")) == len(records(source))
