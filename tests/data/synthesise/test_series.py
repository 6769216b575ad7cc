"""Series: one picture several times, with more of one distortion each time and nothing else."""

from collections import Counter

import numpy as np
import pytest

from finesight.data.synthesise import SynthesisConfig
from finesight.data.synthesise import series as module
from finesight.data.synthesise.config import STEPS
from finesight.data.synthesise.region import Region
from finesight.data.synthesise.series import grow
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import DistortionType, Severity

CONFIG = SynthesisConfig(series=True, balance="uniform", variety="wide")
Series = list[tuple[np.ndarray, Annotation]]


def series_of(picture: np.ndarray, seed: int) -> Series:
    return [grow(picture, np.random.default_rng(seed), CONFIG, step) for step in range(STEPS[CONFIG.variety])]


@pytest.fixture(scope="module")
def made(pictures: list[np.ndarray]) -> list[Series]:
    return [series_of(pictures[seed % len(pictures)], seed) for seed in range(40)]


def what(annotation: Annotation) -> Counter[tuple[DistortionType, Severity]]:
    return Counter((d.type, d.severity) for d in annotation.distortions)


def test_one_distortion_grows_and_the_others_stay(made: list[Series]) -> None:
    for series in made:
        without, *grown = (what(annotation) for _, annotation in series)
        kinds = set()
        for severity, found in zip(Severity, grown, strict=True):
            ((kind, rank),) = (found - without).elements()
            assert without <= found
            assert rank is severity
            kinds.add(kind)
        assert len(kinds) == 1


def test_what_it_is_called_gets_worse(made: list[Series]) -> None:
    for series in made:
        scores = [annotation.mos for _, annotation in series]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1]


def test_every_kind_grows_alone_and_beside_others(made: list[Series]) -> None:
    alone = [not series[0][1].distortions for series in made]
    assert 8 < sum(alone) < 32
    grown = {kind for series in made for kind, _ in what(series[1][1]) - what(series[0][1])}
    assert len(grown) >= 8


def test_pixels_move_away_from_the_first_picture_where_a_distortion_grows_alone(made: list[Series]) -> None:
    for series in made:
        if series[0][1].distortions:
            continue
        first, *others = (image.astype(float) for image, _ in series)
        change = [float(np.abs(image - first).mean()) for image in others]
        assert change[-1] > 0
        assert change[-1] > change[0]


def test_a_step_is_the_same_whichever_was_made_before_and_the_clean_picture_stays(
    picture: np.ndarray,
) -> None:
    before = picture.copy()
    image, labels = grow(picture, np.random.default_rng(3), CONFIG, 2)
    again, same = series_of(picture, 3)[2]
    assert np.array_equal(image, again)
    assert labels == same
    assert np.array_equal(picture, before)


def test_a_picture_on_which_nothing_shows_stays_as_it_is(
    picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(module, "apply", lambda image, placement, rng: tried.append(placement))
    image, labels = grow(picture, np.random.default_rng(0), CONFIG, 3)
    assert np.array_equal(image, picture)
    assert not labels.distortions
    assert len(tried) > 1  # others were tried before it was given up


def test_the_middle_of_a_region_has_the_share_of_its_area_and_of_its_mask() -> None:
    mask = np.arange(200 * 100, dtype=np.float32).reshape(200, 100)
    middle = Region(10, 20, 110, 220, mask).middle(0.25)
    assert middle.xyxy == (35, 70, 85, 170)
    assert middle.mask is not None
    assert np.array_equal(middle.mask, mask[50:150, 25:75])
    assert Region(0, 0, 40, 40).middle(0.25).mask is None
