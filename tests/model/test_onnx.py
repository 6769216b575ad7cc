"""nano as ONNX graphs: the same answers, by a program that has no torch."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from typer.testing import CliRunner

from finesight.errors import InputError, ModelError
from finesight.model.diagnose import SHIPPED_MODEL, Diagnoser
from finesight.model.generate import TreeGenerator
from finesight.model.load import load_model, save_model
from finesight.model.nano.trunk import Trunk, pretrained_trunk_state
from finesight.model.nano.vision import pad_cells
from finesight.model.onnx.export import export_onnx
from finesight.model.onnx.graphs import pool_by_weights
from finesight.model.onnx.run import OnnxGenerator, centres, positions
from finesight.model.protocol import Request
from finesight.schema.picture import Picture
from finesight.text.prompts import assess_prompt
from finesight.ui.cli import app

PROMPTS = (assess_prompt(), "Rate the quality of the image in one sentence.", "Is it sharp?")


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "graphs"
    export_onnx(tiny("finesight_nano"), folder)
    return folder


def test_answers_are_those_of_torch_for_pictures_of_any_shape(tiny, exported, make_noise):
    ours, theirs = OnnxGenerator(exported, 24), TreeGenerator(tiny("finesight_nano"), 24)
    requests = [
        Request(make_noise(i, *size), PROMPTS) for i, size in enumerate(((120, 90), (57, 200), (300, 300)))
    ]
    for mine, other in zip(ours.generate(requests), theirs.generate(requests), strict=True):
        for a, b in zip(mine, other, strict=True):
            assert (a.tokens, a.text, a.starts, a.finished) == (b.tokens, b.text, b.starts, b.finished)
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-3)
            assert (a.levels is None) == (b.levels is None)
            assert a.levels is None or a.levels == pytest.approx(b.levels, abs=1e-3)
            assert [f.identity for f in a.suspected] == [f.identity for f in b.suspected]
            sure = [f.confidence for f in b.suspected]
            assert [f.confidence for f in a.suspected] == pytest.approx(sure, abs=1e-3)


def test_the_score_of_the_shipped_nano_is_tilted_as_torch_tilts_it(tmp_path):
    model = load_model(SHIPPED_MODEL)
    export_onnx(model, tmp_path / "graphs")
    picture = Picture("astronaut", skimage.data.astronaut(), "")
    ours, theirs = OnnxGenerator(tmp_path / "graphs"), TreeGenerator(model)
    (mine,), (other,) = (Diagnoser(generator).diagnose([picture]) for generator in (ours, theirs))
    assert mine.score == pytest.approx(other.score, abs=2e-3)
    assert mine.diagnosis
    assert [f.identity for f in mine.diagnosis.findings] == [f.identity for f in other.diagnosis.findings]
    encoder = model.family.model.model.visual.encoder
    encoder.tilt_by(torch.zeros_like(encoder.tilt))
    (untilted,) = Diagnoser(theirs).diagnose([picture])
    assert abs(untilted.score - other.score) > 0.01


def test_the_trunk_sees_the_same_at_every_size():
    """With weights that have learnt: those of a random trunk would let a wrong border pass."""
    trunk = Trunk()
    trunk.load_state_dict(pretrained_trunk_state())
    for h, w in ((3, 4), (5, 2), (1, 1), (4, 7)):
        pixels = torch.rand(1, 3, 28 * h, 28 * w, generator=torch.Generator().manual_seed(0)) * 255
        with torch.no_grad():
            torch.testing.assert_close(trunk(pixels, pool_by_weights), trunk(pixels), rtol=1e-3, atol=1e-3)


def test_places_are_those_of_the_model(tiny):
    model = tiny("finesight_nano")
    for grid in ((3, 5), (7, 2), (1, 1)):
        h, w = grid
        prefix = model.chat.prefix(h * w)
        theirs = model.family.prefix_positions(prefix, [torch.tensor([1, 2 * h, 2 * w])])
        np.testing.assert_array_equal(
            positions(len(model.chat.head), grid, len(model.chat.neck)), theirs.numpy()
        )
        cells = pad_cells([torch.zeros(h * w, 1)], [grid])
        np.testing.assert_allclose(centres(grid), cells.centres[0].numpy(), rtol=1e-6)


def test_the_command_exports_and_diagnose_runs_it_without_torch(tiny, tmp_path):
    save_model(tiny("finesight_nano"), tmp_path / "nano")
    done = CliRunner().invoke(
        app, ["export", "onnx", str(tmp_path / "nano"), str(tmp_path / "graphs"), "--json"]
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["bytes"] == sum(f.stat().st_size for f in (tmp_path / "graphs").glob("*.onnx"))
    Image.new("RGB", (90, 60), (90, 120, 30)).save(tmp_path / "a.png")
    words = ["diagnose", str(tmp_path / "a.png"), "--model", str(tmp_path / "graphs"), "--json"]
    code = (
        "import sys; from finesight.ui.cli import app\n"
        f"sys.argv[1:] = {words}\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    record, heavy = ran.stdout.splitlines()
    assert json.loads(record)["model"] == "finesight-nano (onnx)"
    assert json.loads(record)["raw"]
    assert heavy == "[]"


def test_other_families_and_folders_that_are_taken_are_refused(tiny, tmp_path):
    with pytest.raises(ModelError, match="only nano"):
        export_onnx(tiny("qwen2_5_vl"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="is there already"):
        export_onnx(tiny("finesight_nano"), tmp_path)


@pytest.mark.parametrize("file", ["onnx.json", "decoder.onnx", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_named_with_the_remedy(exported, tmp_path, file):
    for path in exported.iterdir():
        if path.name != file:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="export the model again"):
        OnnxGenerator(tmp_path)


def test_a_question_with_the_token_of_a_picture_is_refused(exported, make_noise):
    with pytest.raises(InputError, match="stands for a picture"):
        OnnxGenerator(exported, 4).generate([Request(make_noise(0), ("what is <|image_pad|>?",))])
