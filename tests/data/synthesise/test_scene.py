import numpy as np

from finesight.data.synthesise import scene
from finesight.data.synthesise.scene import Scene


def half_and_half() -> np.ndarray:
    """Left: black and flat. Right: mid grey with vertical stripes."""
    rgb = np.zeros((120, 240, 3), np.uint8)
    rgb[:, 120:] = 140
    rgb[:, 120::4] = 90
    return rgb


def test_maps_are_cells_between_0_and_1_with_the_aspect_of_the_image(picture: np.ndarray) -> None:
    maps = Scene.of(picture)
    assert maps.luma.shape == maps.edges.shape == (36, 48)
    for look in (scene.by_edges, scene.by_light, scene.by_mid_tones, scene.by_headroom, scene.by_texture):
        grid = look(maps)
        assert grid.shape == (36, 48)
        assert grid.min() >= 0
        assert grid.max() <= 1


def test_everything_that_needs_light_or_detail_shows_on_the_right_half_only() -> None:
    maps = Scene.of(half_and_half())
    for look in (scene.by_edges, scene.by_light, scene.by_mid_tones, scene.by_headroom, scene.by_texture):
        grid = look(maps)
        assert grid[:, 26:].mean() > 5 * grid[:, :22].mean() + 0.1


def test_brightening_and_noise_do_not_show_on_white() -> None:
    maps = Scene.of(np.full((50, 50, 3), 255, np.uint8))
    assert scene.by_mid_tones(maps).max() == 0
    assert scene.by_headroom(maps).max() == 0
    assert scene.by_light(maps).min() == 1
