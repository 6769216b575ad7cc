"""`finesight video accept` as a user types it, behind analysis, plan and processing."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from finesight.errors import ConfigError, InputError
from finesight.schema.acceptance import Acceptance
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.ui.cli import app
from finesight.video.accept import read_acceptance

DARK = Finding(
    type=DistortionType.UNDEREXPOSURE, severity=Severity.MODERATE, box=Box.of(0, 0, 1000, 1000), key=True
)
BAD = render_assess(Diagnosis(content="A wall.", findings=(DARK,), level=Level.POOR))
FINE = render_assess(Diagnosis(content="A wall.", findings=(), level=Level.GOOD))


def ran(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["video", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One dark shot of half a second."""
    path = tmp_path / "clip.mp4"
    rng = np.random.default_rng(1)
    picture = np.kron(rng.integers(20, 90, (8, 14, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "6"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(12):
            frame = np.ascontiguousarray(picture[:, i : i + 96])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        out.mux(stream.encode(None))
    return path


def script(path: Path, *answers: str) -> str:
    path.write_text("\n".join(json.dumps(answer) for answer in answers))
    return f"scripted:{path}"


@pytest.fixture
def run(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran("analyse", clip, "--out", tmp_path / "run", "--model", script(tmp_path / "before", *[BAD] * 9))
    ran("plan", tmp_path / "run")
    ran("process", tmp_path / "run", "preset=ultrafast", "crf=8")
    return tmp_path / "run"


def test_what_is_better_is_accepted_with_every_check_in_a_table(run, tmp_path):
    said = ran("accept", run, "--model", script(tmp_path / "after", *[FINE] * 9)).stdout
    rows = [" ".join(line.split()) for line in said.splitlines()]
    assert "improvement KEY Underexposure moderate -> none below moderate pass" in rows
    assert any(row.startswith("structure sound offset") for row in rows)
    assert any(row.startswith("fidelity VMAF neg mean") for row in rows)
    assert rows[-1] == f"accepted: of 1 shots 1 accepted; {run}/processed/video.mp4"


def test_without_a_benefit_it_is_rejected_with_exit_code_3(run):
    said = ran("accept", run, code=3).stdout
    assert said.splitlines()[-1] == "rejected: of 1 shots 1 no benefit; the source is kept"
    assert "brighten (moderate); now nothing" in said
    assert "what was treated must be less severe" in said


def test_for_machines_it_is_what_is_written(run, tmp_path):
    model = script(tmp_path / "after", *[FINE] * 9)
    printed = ran("accept", run, "--model", model, "--json", "--jobs", 1).stdout
    assert Acceptance.model_validate_json(printed) == read_acceptance(run)
    assert len(printed.splitlines()) == 1


def test_findings_of_another_model_are_not_compared(run, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not the model of the analysis"):
        ran("accept", run, "--model", tmp_path / "other")


def test_a_model_that_has_moved_is_asked_for(run, tmp_path):
    (tmp_path / "before").rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is not there; say where it is with --model"):
        ran("accept", run)


def test_limits_of_ones_own_count(run, tmp_path):
    limits = tmp_path / "limits.toml"
    limits.write_text('[tool.brighten]\nneg = 99\nv1 = 99\nwhy = "nothing may change"\nsource = "here"\n')
    said = ran(
        "accept", run, "--model", script(tmp_path / "after", *[FINE] * 20), "--limits", limits, code=3
    ).stdout
    assert "nothing may change" in said
    assert said.splitlines()[-1] == "rejected: of 1 shots 1 rolled back; the source is kept"


def test_a_run_that_is_not_processed_is_refused_with_the_remedy(run):
    (run / "processed.json").unlink()
    with pytest.raises(InputError, match="finesight video process"):
        ran("accept", run)
