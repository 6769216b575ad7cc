from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from finesight.data.leaks import NEAR, Fingerprint, fingerprints, leaks, perceptual_hash, twins
from finesight.errors import InputError


def scene(seed: int, width: int = 360, height: int = 240) -> NDArray[np.uint8]:
    """A random picture with large and small structure, as photographs have (amplitude 1/f)."""
    rng = np.random.default_rng(seed)
    sum_ = np.zeros((height, width), np.float64)
    for cells in (3, 6, 12, 24, 48):
        coarse = rng.normal(size=(cells, cells))
        sum_ += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / cells
    grey = cv2.normalize(sum_, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def save(path: Path, rgb: NDArray[np.uint8], quality: int = 95) -> Path:
    assert cv2.imwrite(str(path), rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def prints(*paths: Path) -> list[Fingerprint]:
    def unexpected(path: Path, error: InputError) -> None:
        raise error

    return fingerprints(paths, unexpected, lambda: None)


def test_a_photo_that_was_renamed_resized_and_recompressed_is_found(tmp_path: Path) -> None:
    left = [save(tmp_path / f"train{seed}.jpg", scene(seed)) for seed in range(20)]
    right = [save(tmp_path / f"test{seed}.jpg", scene(100 + seed)) for seed in range(20)]
    planted = save(tmp_path / "holiday.jpg", cv2.resize(scene(7), (200, 150)), quality=30)
    found = leaks(prints(*left), prints(*right, planted))
    assert [(leak.first.name, leak.second.name, leak.kind) for leak in found] == [
        ("train7.jpg", "holiday.jpg", "same picture")
    ]


def test_a_copied_file_is_the_same_file(tmp_path: Path) -> None:
    first = save(tmp_path / "a.jpg", scene(1))
    second = tmp_path / "b.jpg"
    second.write_bytes(first.read_bytes())
    (leak,) = leaks(prints(first), prints(second))
    assert (leak.kind, leak.distance) == ("same file", 0.0)


@pytest.mark.parametrize("distortion", ["blur", "noise", "dark", "blocks"])
def test_a_distorted_picture_is_still_the_same(distortion: str) -> None:
    rng = np.random.default_rng(0)
    for seed in range(10):
        clean = scene(seed)
        blocks = cv2.imencode(".jpg", clean, [cv2.IMWRITE_JPEG_QUALITY, 5])[1]
        distorted = {
            "blur": cv2.GaussianBlur(clean, (0, 0), 5),
            "noise": (clean + rng.normal(0, 30, clean.shape)).clip(0, 255).astype(np.uint8),
            "dark": (clean * 0.35).astype(np.uint8),
            "blocks": cv2.imdecode(blocks, cv2.IMREAD_COLOR),
        }[distortion]
        bits = np.unpackbits(perceptual_hash(clean) ^ perceptual_hash(distorted))
        assert bits.sum() / 255 < NEAR


def test_different_pictures_are_no_twins() -> None:
    listed = [Fingerprint(Path(f"{s}"), f"{s}", perceptual_hash(scene(s))) for s in range(100)]
    assert twins(listed) == []


def test_twins_are_named_once() -> None:
    bits = perceptual_hash(scene(0))
    listed = [Fingerprint(Path(name), name, bits) for name in ("a", "b", "c")]
    assert [(t.first.name, t.second.name) for t in twins(listed)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = save(tmp_path / "good.jpg", scene(0))
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    failed: list[Path] = []
    done: list[None] = []
    found = fingerprints([bad, good], lambda path, _: failed.append(path), lambda: done.append(None))
    assert [item.path for item in found] == [good]
    assert failed == [bad]
    assert len(done) == 2


def test_an_empty_side_has_no_leak() -> None:
    assert leaks([], [Fingerprint(Path("a"), "a", perceptual_hash(scene(0)))]) == []
