"""Every way of every type: visible, stronger when more severe, and drawn only where variety is asked for."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from finesight.data.synthesise import DISTORTIONS, SynthesisConfig, distort, ways
from finesight.data.synthesise.plan import draw_wish
from finesight.data.synthesise.sources import draw_size, imperfect
from finesight.data.synthesise.ways import WAYS
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity

DRAWS = 5
EVERY = [
    pytest.param(kind, way, id=f"{kind.value}: {way.__name__}")
    for kind in WAYS
    for way in dict.fromkeys(WAYS[kind])
]


def made(way: Callable[..., np.ndarray], severity: Severity, rgb: np.ndarray, seed: int) -> np.ndarray:
    return way(rgb, severity, np.random.default_rng(seed), float(np.hypot(*rgb.shape[:2])))


@pytest.mark.parametrize(("kind", "way"), EVERY)
def test_a_more_severe_one_changes_more_and_enough(
    kind: T, way: Callable[..., np.ndarray], pictures: list[np.ndarray]
) -> None:
    distorter = DISTORTIONS[kind]
    means = []
    for severity in Severity:
        changes = [distorter.change(p, made(way, severity, p, n)) for n, p in enumerate(pictures[:DRAWS])]
        # Of what is finer than a band soft pictures have little; planting drops what stays below the floor.
        least = 0.7 if way is ways.band_limit else 1.0
        assert np.median(changes) >= least * distorter.floors[severity.rank - 1]
        means.append(np.mean(changes))
    assert means == sorted(means)
    assert means[2] > (1.25 if way is ways.webp else 1.3) * means[0]


@pytest.mark.parametrize(("kind", "way"), EVERY)
@pytest.mark.parametrize("shape", [(37, 24), (24, 101)])
def test_the_shape_is_kept_the_original_left_alone_and_the_seed_decides(
    kind: T, way: Callable[..., np.ndarray], shape: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = rgb.copy()
    after = made(way, Severity.MODERATE, rgb, 1)
    assert (after.shape, after.dtype) == (rgb.shape, np.uint8)
    assert np.array_equal(rgb, before)
    assert np.array_equal(after, made(way, Severity.MODERATE, rgb, 1))


def test_ways_are_drawn_where_variety_is_wide_and_nowhere_else() -> None:
    rng = np.random.default_rng(0)
    assert all(draw_wish(rng, "uniform").way is None for _ in range(200))
    wide = [draw_wish(rng, "uniform", "wide") for _ in range(2000)]
    for kind in T:
        assert {w.way for w in wide if w.type is kind} == set(WAYS.get(kind, {None}))


def test_the_wished_way_is_what_reaches_the_picture(picture: np.ndarray) -> None:
    plain, wide = (SynthesisConfig(clean_share=0.0, variety=v) for v in ("plain", "wide"))
    pairs = [[distort(picture, np.random.default_rng(n), c)[0] for c in (plain, wide)] for n in range(6)]
    assert sum(not np.array_equal(*pair) for pair in pairs) >= 4


def test_what_clean_pictures_carry_is_not_worth_a_complaint(pictures: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    after = [(p, imperfect(p, rng)) for p in pictures for _ in range(6)]
    assert all(abs(float(b.mean()) - float(a.mean())) < 30 for a, b in after)
    toned = [(np.clip(a * (b.mean() / a.mean()), 0, 255).astype(np.uint8), b) for a, b in after]
    assert all(peak_signal_noise_ratio(a, b) > 30 for a, b in toned if not np.array_equal(a, b))
    assert 0.5 < np.mean([not np.array_equal(a, b) for a, b in after]) < 1
    assert all(
        cv2.Laplacian(b, cv2.CV_32F).std() > 0.4 * cv2.Laplacian(a, cv2.CV_32F).std() for a, b in after
    )


def test_sizes_go_from_half_to_all() -> None:
    rng = np.random.default_rng(0)
    sizes = [draw_size(512, rng) for _ in range(500)]
    assert (min(sizes) >= 256, max(sizes) <= 512) == (True, True)
    assert max(sizes) - min(sizes) > 230
    assert draw_size(100, rng) >= 96
