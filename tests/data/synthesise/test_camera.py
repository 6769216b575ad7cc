"""Pictures with a camera's own noise: what is true of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.data.folder import image_path, read_folder
from finesight.data.images import load_picture
from finesight.data.synthesise.camera import find_pairs, make_of_pairs, plant_noise
from finesight.errors import InputError
from finesight.schema.taxonomy import DistortionType, Severity
from finesight.ui.cli import app


def pair(deviation: float = 4.0, side: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A smooth scene, and the same under grain."""
    rng = np.random.default_rng(7)
    ramp = np.linspace(60, 190, side)
    mean = np.repeat((ramp[:, None] / 2 + ramp[None] / 2)[..., None], 3, -1)
    noisy = mean + rng.normal(0, deviation, mean.shape)
    return noisy.round().clip(0, 255).astype(np.uint8), mean.round().astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name in ("desk_1", "desk_2", "lamp"):
        for half, pixels in zip(("real", "mean"), pair(), strict=True):
            Image.fromarray(pixels).save(tmp_path / f"{name}_{half}.png")
    return tmp_path


def test_the_noise_is_where_the_label_says_and_nowhere_else():
    noisy, mean = pair()
    seen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rgb, annotation = plant_noise(noisy, mean, rng)
        assert rgb.shape == (annotation.height, annotation.width, 3)
        if not annotation.distortions:
            assert np.abs(np.diff(rgb.astype(int), axis=1)).mean() < 1.2
            continue
        (found,) = annotation.distortions
        assert found.type is DistortionType.NOISE
        x1, y1, x2, y2 = (round(v * n / 1000) for v, n in zip(
            found.box.xyxy, (annotation.width, annotation.height) * 2, strict=True))  # fmt: skip
        rough = np.abs(np.diff(rgb.astype(float), axis=1)).mean(-1)
        inside, outside = np.zeros(rough.shape, bool), np.ones(rough.shape, bool)
        inside[y1:y2, x1 : x2 - 1] = True
        outside[max(0, y1 - 20) : y2 + 20, max(0, x1 - 20) : x2 + 20] = False
        if outside.sum() > 400:
            seen += 1
            assert rough[inside].mean() > 2 * rough[outside].mean()
    assert seen > 3


def test_stronger_noise_is_more_severe():
    severities = []
    for deviation in (1.5, 4.0, 14.0):
        noisy, mean = pair(deviation)
        said = [plant_noise(noisy, mean, np.random.default_rng(seed))[1].distortions for seed in range(40)]
        severities.append(np.mean([d[0].severity.rank for d in said if d]))
    assert severities == sorted(severities)
    assert severities[0] < Severity.MODERATE.rank < severities[-1]


def test_a_set_is_a_data_folder_whose_sources_are_scenes(folder, tmp_path):
    pairs = find_pairs(folder)
    assert [p.name for p in pairs] == ["desk_1", "desk_2", "lamp"]
    make_of_pairs(pairs, tmp_path / "a", 9, seed=1)
    make_of_pairs(pairs, tmp_path / "b", 9, seed=1)
    made = list(read_folder(tmp_path / "a"))
    assert {a.source for a in made} == {"desk", "lamp"}
    for annotation in made:
        here, there = (image_path(tmp_path / name, annotation.image) for name in "ab")
        assert here.read_bytes() == there.read_bytes()
        assert load_picture(here).rgb.shape == (annotation.height, annotation.width, 3)


def test_the_command_counts_what_it_made(folder, tmp_path):
    done = CliRunner().invoke(
        app, ["data", "pairs", str(folder), str(tmp_path / "out"), "--count", "6", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert '"pairs": 3, "images": 6' in done.stdout


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "lamp_mean.png").unlink(), "lamp has only its half real"),
        (lambda f: Image.new("RGB", (256, 200)).save(f / "lamp_mean.png"), "not of the size"),
        (lambda f: [Image.new("RGB", (90, 90)).save(f / f"lamp_{h}.png") for h in ("mean", "real")], "larger pairs"),
        (lambda f: (f / "lamp_mean.png").write_bytes(b"nothing"), "lamp_mean.png"),
    ],
)  # fmt: skip
def test_pairs_that_do_not_fit_are_refused_by_name(folder, tmp_path, spoil, said):
    spoil(folder)
    with pytest.raises(InputError, match=said):
        make_of_pairs(find_pairs(folder), tmp_path / "out", 6, seed=0)
    assert not (tmp_path / "out" / "metadata.json").exists()


def test_a_folder_without_pairs_is_refused(tmp_path):
    for where in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="pair"):
            find_pairs(where)
