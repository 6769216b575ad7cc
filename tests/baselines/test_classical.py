from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from finesight.baselines import measures
from finesight.baselines.classical import DETECTORS, ClassicalDiagnoser, Detector, detect, harm, quality
from finesight.baselines.measures import Planes
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Picture
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level
from finesight.schema.taxonomy import Severity as S
from finesight.text.parse import parse_assess

Rgb = NDArray[np.uint8]
HEIGHT, WIDTH = 320, 448
PART = (slice(80, 272), slice(96, 352))
PART_BOX = Box.from_pixels((96, 80, 352, 272), WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def scene() -> Rgb:
    """A sharp picture: shapes of many sizes with anti-aliased edges on shaded ground, and fine texture,
    through a lens that spreads a point over two pixels."""
    rng = np.random.default_rng(3)
    scale = 4
    big = np.zeros((HEIGHT * scale, WIDTH * scale, 3), np.uint8)
    big[:] = np.linspace(70, 180, WIDTH * scale)[None, :, None]
    for _ in range(260):
        centre = tuple(int(v) for v in rng.integers(0, (WIDTH * scale, HEIGHT * scale)))
        axes = tuple(int(v) for v in rng.integers(12, 130, 2))
        colour = tuple(int(v) for v in rng.integers(15, 225, 3))
        cv2.ellipse(big, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    picture = cv2.GaussianBlur(cv2.resize(big, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), (0, 0), 0.6)
    texture = cv2.GaussianBlur(rng.normal(0, 9, (HEIGHT, WIDTH)), (0, 0), 0.8)
    return (picture + texture[..., None]).clip(0, 240).astype(np.uint8)


def distorted(part: Rgb, kind: T) -> Rgb:
    rng = np.random.default_rng(0)
    height, width = part.shape[:2]
    if kind is T.NOISE:
        return (part + rng.normal(0, 25, part.shape)).clip(0, 255).astype(np.uint8)
    if kind is T.BLOCKING_ARTIFACTS:
        return cv2.imdecode(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, 6])[1], cv2.IMREAD_COLOR)
    if kind is T.OUT_OF_FOCUS_BLUR:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)).astype(np.float32)
        return cv2.filter2D(part, -1, disc / disc.sum())
    if kind is T.MOTION_BLUR:
        return cv2.filter2D(part, -1, np.full((1, 41), 1 / 41, np.float32))
    if kind is T.LOW_CLARITY:
        small = cv2.resize(part, (width // 5, height // 5), interpolation=cv2.INTER_AREA)
        soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return (soft * 0.5 + 85).astype(np.uint8)
    if kind is T.EDGE_ALIASING_EFFECT:
        small = cv2.resize(part, (width // 5, height // 5), interpolation=cv2.INTER_NEAREST)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    if kind is T.EDGE_RINGING_EFFECT:
        period = 7.0
        x = np.arange(-14, 15)
        ideal, bell = np.sinc(2 * x / period), np.exp(-0.5 * (x / (0.3 * period)) ** 2)
        low = [cv2.sepFilter2D(part.astype(np.float32), -1, k / k.sum(), k / k.sum()) for k in (ideal, bell)]
        return (part + 16 * (low[0] - low[1])).clip(0, 255).astype(np.uint8)
    if kind is T.OVEREXPOSURE:
        return (part * 3.0 + 60).clip(0, 255).astype(np.uint8)
    if kind is T.UNDEREXPOSURE:
        return (part * 0.12).astype(np.uint8)
    return np.full_like(part, 128)


# What is left of a blurred or veiled part mixes with its surroundings over several cells.
WHOLE = (T.LOW_CLARITY, T.MOTION_BLUR)


@pytest.mark.parametrize("kind", [kind for kind in T if kind not in WHOLE])
def test_a_detector_finds_its_distortion_where_it_is(scene: Rgb, kind: T) -> None:
    picture = scene.copy()
    picture[PART] = distorted(scene[PART], kind)
    found = {f.type: f for f in detect(Planes(picture))}
    assert kind in found
    assert found[kind].box.iou(PART_BOX) > 0.5


@pytest.mark.parametrize("kind", WHOLE)
def test_a_detector_finds_a_distortion_of_the_whole_picture(scene: Rgb, kind: T) -> None:
    assert kind in {f.type for f in detect(Planes(distorted(scene, kind)))}


def test_a_sharp_clean_picture_has_few_findings(scene: Rgb) -> None:
    assert len(detect(Planes(scene))) <= 1


def test_stronger_noise_is_measured_as_its_standard_deviation(scene: Rgb) -> None:
    rng = np.random.default_rng(0)
    flat = np.full((240, 320, 3), 128, np.uint8)
    for sigma in (5, 10, 20):
        noisy = (flat + rng.normal(0, sigma, (240, 320, 1))).clip(0, 255).astype(np.uint8)
        # The lower quartile of 4 x 4 px parts lies below the mean, by how much depends little on sigma.
        assert 0.65 * sigma < float(np.median(measures.noise(Planes(noisy)))) < sigma


def test_pixels_repeated_four_times_are_no_blocks(scene: Rgb) -> None:
    small = cv2.resize(scene, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_NEAREST)
    repeated = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    blocks = cv2.imdecode(cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, 6])[1], cv2.IMREAD_COLOR)
    threshold = DETECTORS[T.BLOCKING_ARTIFACTS].minor
    assert float(np.median(measures.blocking(Planes(repeated)))) < threshold / 2
    assert float(np.median(measures.blocking(Planes(blocks)))) > threshold


def test_the_thresholds_of_a_detector_are_in_order_and_name_severities() -> None:
    assert set(DETECTORS) == set(T)
    for detector in DETECTORS.values():
        assert detector.minor <= detector.moderate <= detector.severe
    detector = Detector(measures.noise, 1, 2, 3)
    assert [detector.severity(v) for v in (1, 2, 2.9, 3)] == [S.MINOR, S.MODERATE, S.MODERATE, S.SEVERE]


def test_quality_falls_with_severity_size_and_number_and_stays_on_the_scale() -> None:
    small = Finding(type=T.NOISE, severity=S.MINOR, box=Box.of(0, 0, 100, 100))
    large = small.model_copy(update={"box": Box.of(0, 0, 900, 900)})
    severe = small.model_copy(update={"severity": S.SEVERE})
    assert harm(small) < harm(large)
    assert harm(small) < harm(severe)
    assert quality([]) > quality([small]) > quality([small, large])
    worst = large.model_copy(update={"severity": S.SEVERE})
    assert quality([worst] * 9) == 1.0


def test_an_outcome_names_one_key_and_its_answer_reads_back_as_its_diagnosis(scene: Rgb) -> None:
    picture = scene.copy()
    picture[PART] = distorted(scene[PART], T.NOISE)
    pictures = [Picture(f"{i}.png", rgb, "") for i, rgb in enumerate((scene, picture))]
    for outcome in ClassicalDiagnoser().diagnose(pictures):
        assert isinstance(outcome.diagnosis, Diagnosis)
        assert len(outcome.diagnosis.keys) == bool(outcome.diagnosis.findings)
        assert parse_assess(outcome.raw) == outcome.diagnosis
        assert outcome.score is not None
        assert outcome.diagnosis.level is Level.of_mos(outcome.score)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 16), (700, 9)])
def test_pictures_of_odd_sizes_are_diagnosed_too(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    (outcome,) = ClassicalDiagnoser().diagnose([Picture("odd.png", rgb, "")])
    assert outcome.diagnosis
    assert 1 <= (outcome.score or 0) <= 5
