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
from foreign import Measured, of_kinds, with_intervals  # noqa: E402


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
    figures = {name: figure["value"] for name, figure in found["figures"].items()}
    assert set(found["unreadable"]) == set(KINDS)
    assert (found["pictures"], found["pairs"]) == (1, 1)
    assert figures["recall of Gaussian noise (scikit-image)"] == 1
    assert figures["recall of Butterworth (scikit-image)"] < 1
    assert (figures["noise_found_noisy"], figures["noise_found_mean"]) == (1, 0)
    assert figures["recall"] == pytest.approx(np.mean([figures[f"recall of {name}"] for name in KINDS]))
    # Of a single photograph every resample is the same.
    assert all(f["interval"] in (None, [f["value"]] * 2) for f in found["figures"].values())


def test_intervals_are_over_photographs_and_leave_out_what_has_no_order() -> None:
    named = np.array([[True, True, True], [False, False, False]])
    kinds = {
        "half": Measured(named, np.array([1.0, np.nan]), 0),
        "none": Measured(~named, np.full(2, np.nan), 0),
    }
    figures = with_intervals(lambda rows: of_kinds(kinds, rows), 2)
    assert figures["recall of half"] == {"value": 0.5, "interval": (0.0, 1.0)}
    assert figures["recall"] == {"value": 0.5, "interval": (0.5, 0.5)}
    assert figures["srcc of none"] == {"value": None, "interval": None}
    assert figures["srcc"] == {"value": 1.0, "interval": (1.0, 1.0)}
