"""Clean pictures made on the spot: shapes with sharp edges, texture, a gradient, lettering."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Picture = np.ndarray


def draw_picture(seed: int, width: int = 320, height: int = 240) -> Picture:
    """A detailed mid-tone picture, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.stack([90 + 60 * columns / width, 110 + 40 * rows / height, 150 - 50 * rows / height], axis=2)
    texture = cv2.resize(rng.normal(0, 22, (height // 3, width // 3)).astype(np.float32), (width, height))
    picture = (sky + texture[..., None] * (rows / height)[..., None]).clip(0, 255).astype(np.uint8)
    for _ in range(14):
        center = int(rng.integers(width)), int(rng.integers(height))
        color = tuple(int(c) for c in rng.integers(30, 220, 3))
        axes = int(rng.integers(8, width // 8)), int(rng.integers(8, height // 6))
        cv2.ellipse(picture, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    for line in range(4):
        place = int(rng.integers(width // 3)), int((line + 0.8) * height / 4)
        cv2.putText(picture, "finesight 0123", place, 0, width / 500, (25, 25, 25), 2, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="session")
def picture() -> Picture:
    return draw_picture(1)


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    return [draw_picture(seed) for seed in range(6)]


@pytest.fixture
def photographs(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Makes a folder with that many photographs, PNG files of 480 x 360, and lists them."""

    def make(count: int) -> list[Path]:
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        paths = [folder / f"photo{i}.png" for i in range(count)]
        for i, path in enumerate(paths):
            cv2.imwrite(str(path), draw_picture(100 + i, 480, 360))
        return paths

    return make
