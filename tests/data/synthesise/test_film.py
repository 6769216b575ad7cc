"""What films suffer: real encoders with few bits, pans, of whole pictures, in finer steps than severities."""

from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio
from typer.testing import CliRunner

from finesight.data.folder import read_folder
from finesight.data.synthesise import DISTORTIONS, SynthesisConfig, film, synthesise
from finesight.data.synthesise.config import STEPS
from finesight.data.synthesise.film import FILM, PARTS, FilmWay, in_part
from finesight.data.synthesise.plan import draw_wish
from finesight.data.synthesise.series import grow
from finesight.errors import InputError
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Severity
from finesight.ui.cli import app

EVERY = [pytest.param(way, id=way.__name__) for ways in FILM.values() for way in dict.fromkeys(ways)]
CODECS = [pytest.param(way, id=way.__name__) for way in dict.fromkeys(FILM[T.BLOCKING_ARTIFACTS])]
CONFIG = SynthesisConfig(series=True, balance="uniform", variety="film")


def made(way: FilmWay, rgb: np.ndarray, seed: int = 1, severity: Severity = Severity.MODERATE) -> np.ndarray:
    return way(rgb, severity, np.random.default_rng(seed), float(np.hypot(*rgb.shape[:2])))


@pytest.mark.parametrize("way", EVERY)
def test_every_part_is_farther_from_the_picture_than_the_one_before(
    way: FilmWay, pictures: list[np.ndarray]
) -> None:
    for picture in pictures[:3]:
        near = [peak_signal_noise_ratio(picture, made(in_part(way, n)[0], picture)) for n in range(PARTS)]
        assert all(worse < better for better, worse in pairwise(near))


def test_a_severity_is_a_third_of_the_range(picture: np.ndarray) -> None:
    strengths: list[float] = []
    spy = FilmWay(lambda rgb, strength, rng, diagonal: strengths.append(strength) or rgb)
    for severity in Severity:
        for seed in range(20):
            made(spy, picture, seed, severity)
    assert np.all(np.floor(np.reshape(strengths, (3, 20)) * 3) == [[0], [1], [2]])
    assert [in_part(spy, n)[1].rank for n in range(PARTS)] == [1, 1, 2, 3, 3]


@pytest.mark.parametrize("way", EVERY)
@pytest.mark.parametrize("shape", [(37, 24), (24, 101), (131, 67)])
def test_the_shape_is_kept_the_original_left_alone_and_the_seed_decides(
    way: FilmWay, shape: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = rgb.copy()
    after = made(way, rgb)
    assert (after.shape, after.dtype) == (rgb.shape, np.uint8)
    assert np.array_equal(rgb, before)
    assert np.array_equal(after, made(way, rgb))


@pytest.mark.parametrize("way", CODECS)
def test_codecs_keep_the_tone_and_spoil_the_detail(way: FilmWay, picture: np.ndarray) -> None:
    severe = made(way, picture, severity=Severity.SEVERE)
    assert np.abs(cv2.mean(severe)[:3] - np.array(cv2.mean(picture)[:3])).max() < 6
    assert DISTORTIONS[T.BLOCKING_ARTIFACTS].change(picture, severe) > 7


def test_a_pan_blurs_along_rows_or_columns_and_not_across() -> None:
    lines = np.zeros((96, 96, 3), np.uint8)
    lines[::8] = 255
    assert {bool(np.array_equal(made(FilmWay(film.pan), lines, seed), lines)) for seed in range(12)} == {
        True,
        False,
    }


def test_films_have_nothing_but_their_ways_everywhere() -> None:
    rng = np.random.default_rng(0)
    wishes = [draw_wish(rng, "uniform", "film") for _ in range(500)]
    for kind, ways in FILM.items():
        assert {w.way for w in wishes if w.type is kind} == set(ways)
    assert {w.type for w in wishes} == set(FILM)
    assert {(w.area, w.shape) for w in wishes} == {(1.0, "rectangle")}


def test_series_grow_in_all_parts(pictures: list[np.ndarray]) -> None:
    for seed, picture in enumerate(pictures):
        series = [grow(picture, np.random.default_rng(seed), CONFIG, step) for step in range(STEPS["film"])]
        assert len(series) == 1 + PARTS
        scores = [annotation.mos for _, annotation in series]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1]
        images = [image for image, _ in series]
        assert all(not np.array_equal(a, b) for a, b in pairwise(images))


@pytest.fixture
def photos(tmp_path: Path, pictures: list[np.ndarray]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, picture in enumerate(pictures[:2]):
        cv2.imwrite(str(folder / f"{n}.png"), picture)
    return folder


def test_the_command_makes_whole_series(tmp_path: Path, photos: Path) -> None:
    count = str(2 * STEPS["film"])
    command = ["data", "synthesise", str(photos), str(tmp_path / "out"), "--variety", "film", "--series"]
    result = CliRunner().invoke(app, [*command, "--size", "128", "--count", count])
    assert result.exit_code == 0, result.output
    series = [a.series for a in read_folder(tmp_path / "out")]
    assert [series.count(s) for s in dict.fromkeys(series)] == [STEPS["film"]] * 2


def test_without_an_encoder_nothing_is_made_and_the_remedy_is_named(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx265"})
    with pytest.raises(InputError, match=r"libx265.*pip install"):
        synthesise(sorted(photos.iterdir()), tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()
