from __future__ import annotations

import copy
import math

import pytest
import torch

from finesight.model.nano.trunk import BLACK_SHARE
from finesight.model.nano.vision import (
    BELIEF_FEATURES,
    POSITION_FEATURES,
    SUMMARY_FEATURES,
    CellEncoder,
    Dense,
    pad_cells,
    position_features,
)

FEATURES, WIDTH = 64, 32
GRIDS = [(2, 3), (4, 5), (1, 1)]


@pytest.fixture(scope="module")
def encoder() -> CellEncoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = CellEncoder(FEATURES, WIDTH, layers=2, heads=2)
    for parameter in encoder.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(2)
    return encoder.eval()


@pytest.fixture(scope="module")
def features() -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return [torch.randn(h * w, FEATURES, generator=rng) for h, w in GRIDS]


@torch.no_grad()
def test_a_picture_is_seen_the_same_alone_and_beside_a_larger_one(encoder, features):
    hidden, dense = encoder(pad_cells(features, GRIDS))
    for number, (own, grid) in enumerate(zip(features, GRIDS, strict=True)):
        alone, view = encoder(pad_cells([own], [grid]))
        torch.testing.assert_close(hidden[number, : len(own)], alone[0], rtol=0, atol=1e-4)
        for name, together in dense._asdict().items():
            of_picture = name in ("level", "types", "tilt")
            mine = together[number] if of_picture else together[number, : len(own)]
            torch.testing.assert_close(mine, getattr(view, name)[0], rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_cells_of_a_picture_see_each_other_and_no_other_picture(encoder, features):
    before = encoder(pad_cells(features, GRIDS))[0]
    other = [features[0].clone(), *features[1:]]
    other[0][0] += 3
    after = encoder(pad_cells(other, GRIDS))[0]
    moved = (before - after).abs().amax(-1)
    assert (moved[0, :6] > 1e-3).all()
    assert torch.equal(before[1], after[1])


@torch.no_grad()
def test_boxes_lie_in_the_picture_and_hold_the_centre_of_their_cell(encoder, features):
    cells = pad_cells(features, GRIDS)
    box = encoder(cells).dense.box[cells.valid]
    centre = cells.centres[cells.valid][:, None, :2]
    assert float(box.min()) >= 0
    assert float(box.max()) <= 1
    assert (box[..., :2] <= centre).all()
    assert (box[..., 2:] >= centre).all()


def test_centres_and_sizes_are_shares_of_the_picture(features):
    cells = pad_cells(features, GRIDS)
    assert cells.features.shape == (3, 20, FEATURES)
    assert cells.valid.sum(1).tolist() == [6, 20, 1]
    expected = torch.tensor(
        [[(c + 0.5) / 3, (r + 0.5) / 2, 1 / 3, 1 / 2] for r in range(2) for c in range(3)]
    )
    torch.testing.assert_close(cells.centres[0, :6], expected)
    assert not cells.centres[0, 6:].any()
    torch.testing.assert_close(cells.centres[2, 0], torch.tensor([0.5, 0.5, 1.0, 1.0]))


def test_positions_are_sines_and_cosines_of_doubling_frequency():
    centres = torch.tensor([[0.3, 0.8, 0.25, 0.5]])
    got = position_features(centres)[0].tolist()
    angles = [v * 2**band * math.pi for v in (0.3, 0.8) for band in range(6)]
    expected = [0.3, 0.8, 0.25, 0.5, *map(math.sin, angles), *map(math.cos, angles)]
    assert got == pytest.approx(expected, abs=1e-4)
    assert len(got) == POSITION_FEATURES


def test_different_places_have_different_features():
    y, x = torch.meshgrid(torch.arange(32) / 32, torch.arange(32) / 32, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x), torch.ones_like(x)], -1).reshape(-1, 4)
    distance = torch.cdist(position_features(places), position_features(places))
    assert float((distance + torch.eye(len(places)) * 9).min()) > 0.1


def test_standardised_features_have_mean_nought_and_deviation_one(encoder, features):
    fresh = CellEncoder(FEATURES, WIDTH, layers=1, heads=2)
    cells = torch.randn(500, FEATURES, generator=torch.Generator().manual_seed(2)) * 7 + 3
    cells[:, 0] = 5.0
    fresh.standardise(cells)
    standard = (cells - fresh.feature_mean) * fresh.feature_scale
    torch.testing.assert_close(standard.mean(0), torch.zeros(FEATURES), rtol=0, atol=1e-4)
    torch.testing.assert_close(standard[:, 1:].std(0), torch.ones(FEATURES - 1), rtol=0, atol=1e-4)
    assert torch.isfinite(standard).all()
    assert {"feature_mean", "feature_scale"} <= fresh.state_dict().keys()


def test_the_tilt_weighs_the_means_of_features_and_hidden_states_of_the_cells_that_have_light(
    encoder, features
):
    encoder = copy.deepcopy(encoder)
    encoder.standardise(torch.randn(500, FEATURES, generator=torch.Generator().manual_seed(2)) * 3 + 1)
    weights = torch.randn(FEATURES + WIDTH, generator=torch.Generator().manual_seed(3))
    encoder.tilt_by(weights)
    torch.testing.assert_close(encoder.tilt, weights)
    grids = [(2, 3), (1, 2)]
    pictures = [
        torch.randn(h * w, FEATURES, generator=torch.Generator().manual_seed(h)) * 3 for h, w in grids
    ]
    for picture, black in zip(pictures, ([0, 0.25, 1, 0.5, 0, 1], [1, 1]), strict=True):
        picture[:, BLACK_SHARE] = torch.tensor(black)
    lights = torch.tensor([1, 0.75, 0.02, 0.5, 1, 0.02]), torch.tensor([1.0, 1.0])  # all black is all alike
    tilts = encoder(pad_cells(pictures, grids)).dense.tilt
    for tilt, cells, grid, light in zip(tilts, pictures, grids, lights, strict=True):
        share = light / light.sum()
        mean = share @ torch.stack([encoder.standardised(cell) for cell in cells])
        hidden = share @ encoder(pad_cells([cells], [grid])).hidden[0] / 2
        expected = mean @ encoder.feature_tilt + hidden @ encoder.hidden_tilt
        assert tilt.item() == pytest.approx(expected.item(), abs=1e-4)


def view(presence: float) -> Dense:
    rng = torch.Generator().manual_seed(5)
    shape = (1, 2, 10)
    return Dense(
        torch.full(shape, presence),
        torch.randn(shape, generator=rng),
        torch.randn(*shape, 3, generator=rng),
        torch.rand(*shape, 4, generator=rng),
        torch.zeros(1, 5),
        torch.zeros(1, 10),
        torch.zeros(1),
    )


def test_belief_is_as_strong_as_the_presence_of_its_type():
    sure, unsure, absent = (view(p).belief() for p in (30.0, 0.0, -30.0))
    assert sure.shape == (1, 2, 10, BELIEF_FEATURES)
    torch.testing.assert_close(unsure, sure / 2)
    assert float(absent.abs().max()) < 1e-9
    torch.testing.assert_close(sure[..., 0], torch.ones(1, 2, 10))
    torch.testing.assert_close(sure[..., 1], view(30.0).key.sigmoid())
    torch.testing.assert_close(sure[..., 2:5], view(30.0).severity.softmax(-1))
    torch.testing.assert_close(sure[..., 5:], view(30.0).box)


def test_the_summary_says_what_the_surest_cell_of_each_type_says_and_leaves_padding_out():
    presence = torch.full((1, 3, 10), -5.0)
    presence[0, 1, 4], presence[0, 0, 7], presence[0, 2, 7] = 2.0, 1.0, 9.0
    dense = view(0.0)._replace(
        presence=presence,
        **{
            name: torch.cat([value, value[:, :1]], 1)
            for name, value in view(0.0)._asdict().items()
            if name in ("key", "severity", "box")
        },
        level=torch.tensor([[0.0, 0, 50, 0, 0]]),
        types=torch.tensor([[50.0, -50, 0, 0, 0, 0, 0, 0, 0, 0]]),
    )
    belief = dense.belief()
    summary = dense.summary(belief, torch.tensor([[True, True, False]]))
    assert summary.shape == (1, SUMMARY_FEATURES)
    torch.testing.assert_close(summary[0, :5], torch.tensor([0.0, 0, 1, 0, 0]))
    torch.testing.assert_close(summary[0, 5:8], torch.tensor([1.0, 0, 0.5]))
    of_types = summary[0, 15:].unflatten(0, (10, BELIEF_FEATURES))
    torch.testing.assert_close(of_types[4], belief[0, 1, 4])
    torch.testing.assert_close(of_types[7], belief[0, 0, 7])
