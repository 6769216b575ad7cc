"""The labels of a distorted picture are true: what is said to be there is there, and nothing else is."""

import numpy as np
import pytest

from finesight.data.synthesise import DISTORTIONS, SynthesisConfig, distort
from finesight.data.synthesise.place import Placement
from finesight.data.synthesise.plan import Wish
from finesight.data.synthesise.plant import annotate, plant
from finesight.data.synthesise.region import Region
from finesight.data.synthesise.scene import Scene
from finesight.schema.taxonomy import DistortionType as T
from finesight.schema.taxonomy import Level, Severity

CONFIG = SynthesisConfig(clean_share=0.0)


def made(pictures: list[np.ndarray], count: int, config: SynthesisConfig = CONFIG) -> list:
    results = []
    for i in range(count):
        clean = pictures[i % len(pictures)]
        results.append((clean, *distort(clean, np.random.default_rng(i), config)))
    return results


def test_the_same_state_gives_the_same_picture_and_labels_and_leaves_the_clean_one(
    picture: np.ndarray,
) -> None:
    before = picture.copy()
    one, labels = distort(picture, np.random.default_rng(5), CONFIG)
    again, same = distort(picture, np.random.default_rng(5), CONFIG)
    assert np.array_equal(one, again)
    assert labels == same
    assert np.array_equal(picture, before)


def test_pixels_outside_all_boxes_are_hardly_touched(pictures: list[np.ndarray]) -> None:
    for clean, image, labels in made(pictures, 40):
        height, width = clean.shape[:2]
        outside = np.ones((height, width), bool)
        for d in labels.distortions:
            x1, y1, x2, y2 = d.box.to_pixels(width, height)
            margin_x, margin_y = 6 + (x2 - x1) * 0.2, 6 + (y2 - y1) * 0.2  # soft rims fade out beyond the box
            outside[
                max(0, int(y1 - margin_y)) : int(y2 + margin_y),
                max(0, int(x1 - margin_x)) : int(x2 + margin_x),
            ] = False
        difference = np.abs(image.astype(int) - clean).mean(2)
        assert difference[outside].sum() <= 0.02 * difference.sum() + 1


def test_every_box_holds_a_change(pictures: list[np.ndarray]) -> None:
    for clean, image, labels in made(pictures, 40):
        for d in labels.distortions:
            x1, y1, x2, y2 = (round(v) for v in d.box.to_pixels(clean.shape[1], clean.shape[0]))
            before, after = clean[y1:y2, x1:x2].astype(float), image[y1:y2, x1:x2].astype(float)
            assert np.sqrt(np.square(after - before).mean()) > 2, d


def test_a_distortion_that_cannot_be_seen_is_not_planted() -> None:
    flat = np.full((240, 320, 3), 128, np.uint8)
    wish = Wish(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE, 0.2, "rectangle")
    image, planted = plant(
        flat, Scene.of(flat), [Placement(wish, Region(20, 20, 160, 160))], np.random.default_rng(0)
    )
    assert planted == []
    assert np.array_equal(image, flat)


def test_a_blur_of_faint_texture_changes_too_little_to_be_called_severe() -> None:
    faint = np.random.default_rng(0).integers(122, 135, (240, 320, 3), dtype=np.uint8)
    wish = Wish(T.OUT_OF_FOCUS_BLUR, Severity.SEVERE, 0.2, "rectangle")
    claims = [Placement(wish, Region(20, 20, 160, 160))]
    assert plant(faint, Scene.of(faint), claims, np.random.default_rng(0))[1] == []


def test_a_local_distortion_moves_to_where_it_can_be_seen() -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    rgb[:, 200:] = np.random.default_rng(0).integers(0, 256, (240, 120, 1), dtype=np.uint8)
    wish = Wish(T.OUT_OF_FOCUS_BLUR, Severity.MODERATE, 0.08, "rectangle")
    _, planted = plant(rgb, Scene.of(rgb), [Placement(wish, Region(0, 0, 90, 90))], np.random.default_rng(0))
    assert len(planted) == 1
    assert planted[0].region.x2 > 200


def test_distortions_are_applied_in_the_order_of_reality(picture: np.ndarray) -> None:
    whole = Region(0, 0, picture.shape[1], picture.shape[0])
    claims = [
        Placement(Wish(kind, Severity.MODERATE, 1.0, "rectangle"), whole)
        for kind in (T.BLOCKING_ARTIFACTS, T.NOISE, T.MOTION_BLUR)
    ]
    image, planted = plant(picture, Scene.of(picture), claims, np.random.default_rng(3))
    assert [p.wish.type for p in planted] == [T.MOTION_BLUR, T.NOISE, T.BLOCKING_ARTIFACTS]
    rng, expected, diagonal = np.random.default_rng(3), picture, float(np.hypot(*picture.shape[:2]))
    for p in planted:
        expected = DISTORTIONS[p.wish.type].apply(expected, Severity.MODERATE, rng, diagonal)
    assert np.array_equal(image, expected)


def test_a_clean_share_of_one_leaves_every_picture_as_it_is(picture: np.ndarray) -> None:
    image, labels = distort(picture, np.random.default_rng(0), SynthesisConfig(clean_share=1.0))
    assert np.array_equal(image, picture)
    assert labels.distortions == ()
    assert labels.level is Level.EXCELLENT


def test_key_is_one_distortion_and_the_most_significant_comes_first(pictures: list[np.ndarray]) -> None:
    results = made(pictures, 60)
    scores = [[d.significance for d in labels.distortions] for _, _, labels in results]
    assert all(row == sorted(row, reverse=True) for row in scores)
    assert sum(len(labels.keys) == 1 for _, _, labels in results) >= 59


def test_level_follows_the_score_and_the_annotation_describes_the_clean_picture(picture: np.ndarray) -> None:
    _, labels = distort(picture, np.random.default_rng(0), CONFIG)
    assert labels.level is Level.of_mos(labels.mos)
    assert labels.content == annotate(picture, []).content
    assert (labels.width, labels.height) == (320, 240)


def test_all_types_and_severities_occur_under_uniform_balance(pictures: list[np.ndarray]) -> None:
    uniform = CONFIG.model_copy(update={"balance": "uniform"})
    found = {
        (d.type, d.severity) for _, _, labels in made(pictures, 120, uniform) for d in labels.distortions
    }
    assert {kind for kind, _ in found} == set(T)
    assert len(found) >= 28


@pytest.mark.parametrize("size", [(96, 54), (54, 96)])
def test_the_smallest_pictures_work(size: tuple[int, int], picture: np.ndarray) -> None:
    for seed in range(20):
        distort(picture[: size[1], : size[0]].copy(), np.random.default_rng(seed), CONFIG)
