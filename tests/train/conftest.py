"""A small training set made on the spot, and settings for runs of seconds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from finesight.train.sft import SftConfig

COUNT = 12


def photograph(seed: int) -> np.ndarray:
    """A picture with sharp shapes and fine texture, (256, 320, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:256, 0:320]
    picture = np.stack([90 + columns / 4, 110 + rows / 4, 150 - rows / 5], axis=2)
    picture = (picture + rng.normal(0, 6, (256, 320, 1))).clip(0, 255).astype(np.uint8)
    for _ in range(12):
        color = tuple(int(c) for c in rng.integers(40, 220, 3))
        x, y = int(rng.integers(320)), int(rng.integers(256))
        cv2.circle(picture, (x, y), int(rng.integers(8, 40)), color, -1, cv2.LINE_AA)
        cv2.putText(picture, "0123", (x, y), 0, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="session")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 12 synthetic pictures of 168 px in images/ and their samples; to be read only."""
    from finesight.data.folder import read_folder
    from finesight.data.questions import questions_of
    from finesight.data.readers.samples import write_samples
    from finesight.data.synthesise import SynthesisConfig, synthesise

    home = tmp_path_factory.mktemp("training")
    photos = [home / f"photo{i}.png" for i in range(4)]
    for i, path in enumerate(photos):
        cv2.imwrite(str(path), photograph(i))
    synthesise(photos, home / "set", SynthesisConfig(count=COUNT, size=168))
    annotations = list(read_folder(home / "set"))
    write_samples(home / "set" / "samples", [s for a in annotations for s in questions_of(a, 0)])
    return home / "set"


@pytest.fixture
def data(training_set: Path, tmp_path: Path) -> Path:
    """A copy of the training set, to be damaged."""
    return Path(shutil.copytree(training_set, tmp_path / "data"))


@pytest.fixture(scope="session")
def settings_for() -> Callable[..., SftConfig]:
    """`settings_for(data, out, **fields)`: a run of a few steps on a nano of width 64."""
    from finesight.train.sft import SftConfig

    def make(data: Path, out: Path, **fields: Any) -> SftConfig:
        nano = {"width": 96, "layers": 2, "heads": 2, "encoder_layers": 1}
        small = {"nano": nano | {"max_pixels": 112 * 112, "min_pixels": 56 * 56}, "vocabulary": 1600}
        pace = {"steps": 6, "batch": 4, "questions": 2, "warmup": 2, "learning_rate": 3e-3}
        return SftConfig.model_validate({"data": data, "out": out} | small | pace | fields)

    return make
