"""The recipe that ranks: real series, the shipped nano."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import skimage.data
import torch
from skimage.io import imsave
from typer.testing import CliRunner

from finesight.data.images import load_picture
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.errors import InputError, ModelError
from finesight.model.diagnose import SHIPPED_MODEL, load_diagnoser
from finesight.model.load import load_model
from finesight.model.nano.modeling import NanoVision
from finesight.train.rank import train_rank
from finesight.ui.cli import app

TILTS = ("model.visual.encoder.feature_tilt", "model.visual.encoder.hidden_tilt")


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        imsave(photos / f"{name}.png", getattr(skimage.data, name)())
    out = tmp_path_factory.mktemp("series") / "series"
    config = SynthesisConfig(count=48, seed=4, size=192, balance="uniform", variety="wide", series=True)
    synthesise(sorted(photos.iterdir()), out, config)
    return out


@pytest.fixture(scope="module")
def ranked(series: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ranked") / "model"
    report = train_rank(series, out, str(SHIPPED_MODEL))
    assert (report.series, report.pairs, report.skipped) == (12, 36, ())
    assert 0.5 < report.ordered_before < 1
    return out


def test_the_tilt_is_all_that_changes(ranked):
    before, after = (load_model(where).family.model.state_dict() for where in (SHIPPED_MODEL, ranked))
    assert before.keys() == after.keys()
    assert all(not torch.equal(before[name], after[name]) for name in TILTS)
    assert all(torch.equal(before[name], after[name]) for name in before if name not in TILTS)


def test_a_model_that_has_been_ranked_is_ranked_anew_and_not_on_top(series, ranked, tmp_path):
    train_rank(series, tmp_path / "model", str(ranked))
    one, two = (load_model(where).family.model.state_dict() for where in (ranked, tmp_path / "model"))
    for name in TILTS:
        assert one[name].any()
        # Kernels round by where tensors lie in memory.
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-5)


def test_a_firmer_constancy_tells_clean_scenes_less_apart(series, ranked, tmp_path):
    command = ["train", "rank", str(series), str(tmp_path / "model"), "--constancy", "10"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    clean = [load_picture(path) for path in sorted((series / "images").iterdir())[::4]]

    def spread(where: Path) -> float:
        model = load_model(where)
        with torch.inference_mode():
            seen = model.family.features([model.images(picture) for picture in clean])
            tilts = [model.family.look([f]).tilt for f in seen]
        return float(torch.stack(tilts).std())

    assert spread(tmp_path / "model") < 0.3 * spread(ranked)


def test_more_pairs_come_in_order_and_answers_stay_the_same(series, ranked):
    pictures = [load_picture(path) for path in sorted((series / "images").iterdir())]
    before, after = (load_diagnoser(str(where)).diagnose(pictures) for where in (SHIPPED_MODEL, ranked))
    assert [o.diagnosis for o in before] == [o.diagnosis for o in after]

    def ordered(outcomes) -> int:
        scores = [o.score for o in outcomes]
        return sum(a > b for n, (a, b) in enumerate(pairwise(scores)) if n % 4 != 3)

    assert ordered(after) > ordered(before)


def test_a_run_that_was_killed_goes_on_from_the_pictures_it_has_seen(series, tmp_path, monkeypatch):
    out = tmp_path / "model"

    def until_killed(pictures):
        for number, picture in enumerate(pictures):
            if number == 20:
                raise KeyboardInterrupt
            yield picture

    with pytest.raises(KeyboardInterrupt):
        train_rank(series, out, str(SHIPPED_MODEL), track=until_killed)
    assert not out.exists()
    looked: list[int] = []
    look = NanoVision.cell_features
    monkeypatch.setattr(
        NanoVision, "cell_features", lambda self, *given: looked.append(1) or look(self, *given)
    )
    train_rank(series, out, str(SHIPPED_MODEL))
    assert len(looked) == 48 - 20
    other = tmp_path / "whole" / "model"
    train_rank(series, other, str(SHIPPED_MODEL))
    one, two = (load_model(where).family.model.state_dict() for where in (out, other))
    assert all(torch.equal(one[name], two[name]) for name in TILTS)


def test_a_picture_that_cannot_be_read_is_skipped_and_named(series, tmp_path):
    data = Path(shutil.copytree(series, tmp_path / "data"))
    (data / "images" / "000005.jpg").write_bytes(b"no picture")
    result = CliRunner().invoke(app, ["train", "rank", str(data), str(tmp_path / "model"), "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    (problem,) = report["skipped"]
    assert "000005.jpg" in problem
    assert report["pairs"] == 35  # its neighbours are the next of each other
    assert "000005.jpg" in result.stderr


def test_what_cannot_be_ranked_is_said(
    series: Path, training_set: Path, tmp_path: Path, policies: Callable[[str], Path]
) -> None:
    with pytest.raises(InputError, match=r"has no series; make them with .*--series"):
        train_rank(training_set, tmp_path / "model", str(SHIPPED_MODEL))
    with pytest.raises(ModelError, match="only the score of a nano is tilted"):
        train_rank(series, tmp_path / "model", str(policies("qwen2_5_vl")))
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        train_rank(series, tmp_path / "there", str(SHIPPED_MODEL))
    data = Path(shutil.copytree(series, tmp_path / "data"))
    for picture in (data / "images").iterdir():
        picture.write_bytes(b"")
    with pytest.raises(InputError, match="no two pictures of a series can be compared"):
        train_rank(data, tmp_path / "model", str(SHIPPED_MODEL))
    assert not (tmp_path / "model").exists()
