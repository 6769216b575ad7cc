import io

import numpy as np
from PIL import Image

from finesight.data.synthesise import compression
from finesight.schema.taxonomy import Severity


def blockiness(rgb: np.ndarray) -> float:
    """Mean step over the borders of 8-pixel columns against the mean step elsewhere; 1 is none."""
    steps = np.abs(np.diff(rgb.astype(float).mean(2), axis=1))
    border = np.arange(steps.shape[1]) % 8 == 7
    return float(steps[:, border].mean() / steps[:, ~border].mean())


def test_blocks_stand_out_more_with_every_severity(pictures: list[np.ndarray]) -> None:
    def typical(severity: Severity) -> float:
        made = (compression.compress(p, severity, np.random.default_rng(0), 400.0) for p in pictures)
        return float(np.median([blockiness(rgb) for rgb in made]))

    clean = np.median([blockiness(p) for p in pictures])
    minor, moderate, severe = (typical(s) for s in Severity)
    assert clean < 1.1 < 1.3 < minor < moderate < severe


def test_the_loss_is_that_of_a_jpeg_encoder_of_the_same_quality(picture: np.ndarray) -> None:
    low, high = compression.JPEG_QUALITY[Severity.MODERATE]
    ours = compression.compress(picture, Severity.MODERATE, np.random.default_rng(0), 400.0)
    losses = []
    for quality in (low, high):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(file).convert("L"), float)
        losses.append(np.square(theirs - np.asarray(Image.fromarray(picture).convert("L"), float)).mean())
    loss = np.square(
        np.asarray(Image.fromarray(ours).convert("L"), float)
        - np.asarray(Image.fromarray(picture).convert("L"), float)
    ).mean()
    assert 0.8 * losses[1] < loss < 1.2 * losses[0]


def test_ranges_of_severities_leave_a_gap() -> None:
    quality = compression.JPEG_QUALITY
    assert quality[Severity.MINOR][0] > 1.4 * quality[Severity.MODERATE][1]
    assert quality[Severity.MODERATE][0] > 1.4 * quality[Severity.SEVERE][1]
