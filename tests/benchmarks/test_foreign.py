"""Distortions of other hands: each is there, grows with its strength, and is counted where it is found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finesight.data.synthesise import SynthesisConfig, synthesise

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from contenders.foreign import KINDS  # noqa: E402


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    from skimage.data import chelsea

    return Image.fromarray(chelsea())


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_grows_with_its_strength(name: str, photo: Image.Image) -> None:
    clean = np.asarray(photo, float)[:298, :450]
    changes = []
    for strength in (0.0, 0.5, 1.0):
        after = np.asarray(KINDS[name].apply(photo, strength), float)[:298, :450]
        changes.append(float(np.sqrt(((after - clean) ** 2).mean())))
    assert 2 < changes[0] < changes[1] < changes[2]


def test_the_table_counts_what_an_opponent_finds(run_benchmark, tmp_path, photo) -> None:
    photos, pairs = tmp_path / "photos", tmp_path / "pairs"
    photos.mkdir()
    pairs.mkdir()
    photo.save(photos / "cat.png")
    photo.save(pairs / "cat_mean.png")
    grain = np.random.default_rng(0).normal(0, 30, (300, 451, 3))
    noisy = (np.asarray(photo) + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(pairs / "cat_real.png")
    synthesise([photos / "cat.png"], tmp_path / "test", SynthesisConfig(count=2, size=128))
    found = run_benchmark(
        "foreign.py", str(photos), str(tmp_path / "test"), "--model", "classical", "--pairs", str(pairs)
    )
    assert set(found["kinds"]) == set(KINDS)
    assert found["kinds"]["Gaussian noise (scikit-image)"]["recall"] == 1
    assert found["kinds"]["Butterworth (scikit-image)"]["recall"] < 1
    assert (found["noise_found_noisy"], found["noise_found_mean"]) == (1, 0)
    assert found["recall"] == pytest.approx(np.mean([kind["recall"] for kind in found["kinds"].values()]))
