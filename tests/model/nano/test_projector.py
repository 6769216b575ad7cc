from __future__ import annotations

import pytest
import torch

from finesight.model.nano.projector import (
    NOTE_FEATURES,
    NUMBER_FEATURES,
    Projector,
    number_features,
    write_notes,
)
from finesight.model.nano.proposals import KINDS, SLOTS, TOLD, WHAT_FEATURES, Proposals
from finesight.model.nano.vision import CellEncoder, pad_cells
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Severity

FEATURES, WIDTH, OUT = 64, 32, 96
GRIDS = [(2, 3), (8, 8), (1, 1)]
FOUND = Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(100, 200, 700, 900), key=True)


@pytest.fixture(scope="module")
def seen():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = CellEncoder(FEATURES, WIDTH, layers=1, heads=2).eval()
        projector = Projector(WIDTH, OUT).eval()
        cells = pad_cells([torch.randn(h * w, FEATURES) * 3 for h, w in GRIDS], GRIDS)
    with torch.no_grad():
        return projector, cells, encoder(cells)


OTHER = FOUND.model_copy(update={"box": Box.of(0, 300, 400, 800), "key": False})


def tell(hints):
    empty = Proposals(torch.zeros(len(hints), SLOTS, WHAT_FEATURES), torch.zeros(len(hints), SLOTS, 4))
    return empty.hinted(hints)


@torch.no_grad()
def test_a_hint_changes_the_notes_of_its_picture_and_nothing_else(seen):
    projector, cells, view = seen
    plain = projector(cells, view)
    told = projector(cells, view, [None, Diagnosis(content="", findings=(FOUND,), level=None), None])
    assert plain.shape == (3, 64, OUT)
    assert torch.equal(plain[0, :6], told[0, :6])
    assert torch.equal(plain[2, :1], told[2, :1])
    assert torch.equal(plain[1, :, :-NOTE_FEATURES], told[1, :, :-NOTE_FEATURES])
    assert torch.equal(projector(cells, view, [None] * 3), plain)
    notes = write_notes(tell([Diagnosis(content="", findings=(FOUND,), level=None)]))[0]
    assert torch.equal(told[1, : 4 * SLOTS, -NOTE_FEATURES:], notes)
    assert not told[1, 4 * SLOTS :, -NOTE_FEATURES:].any()


@torch.no_grad()
def test_a_picture_of_fewer_cells_than_notes_keeps_the_first(seen):
    projector, cells, view = seen
    few = pad_cells([cells.features[0, :6]], GRIDS[:1])
    of_cells = {
        name: part[:1, :6] if part.dim() > 2 else part[:1] for name, part in view.dense._asdict().items()
    }
    told = projector(
        few,
        type(view)(view.hidden[:1, :6], type(view.dense)(**of_cells)),
        [Diagnosis(content="", findings=(FOUND, OTHER), level=None)],
    )
    notes = write_notes(tell([Diagnosis(content="", findings=(FOUND, OTHER), level=None)]))[0]
    assert torch.equal(told[0, :, -NOTE_FEATURES:], notes[:6])


def test_a_note_says_slot_coordinate_what_and_number_and_an_empty_slot_nothing():
    notes = write_notes(tell([Diagnosis(content="", findings=(FOUND, OTHER), level=None)]))[0]
    assert notes.shape == (4 * SLOTS, NOTE_FEATURES)
    assert not notes[8:].any()
    flag, slot, coordinate, what, number = notes[:8].split([1, SLOTS, 4, WHAT_FEATURES, NUMBER_FEATURES], -1)
    assert flag.eq(1).all()
    assert slot.argmax(-1).tolist() == [0] * 4 + [1] * 4
    assert coordinate.argmax(-1).tolist() == [0, 1, 2, 3] * 2
    assert what[:, : len(KINDS)].argmax(-1).eq(KINDS.index(DistortionType.NOISE)).all()
    assert what[:, len(KINDS)].eq(TOLD).all()
    torch.testing.assert_close(
        number, number_features(torch.tensor([0.1, 0.2, 0.7, 0.9, 0.0, 0.3, 0.4, 0.8]))
    )


def test_near_numbers_are_alike_and_the_farther_the_less():
    numbers = number_features(torch.arange(1001) / 1000)
    assert numbers.shape == (1001, NUMBER_FEATURES)
    torch.testing.assert_close(numbers.norm(dim=-1), torch.ones(1001))
    for value in (0, 137, 500, 1000):
        alike = numbers @ numbers[value]
        near, far = (
            alike[max(0, value - 80) : value + 81],
            torch.cat([alike[: max(0, value - 250)], alike[value + 250 :]]),
        )
        assert int(alike.argmax()) == value
        falling = near[min(80, value) :]
        assert (falling.diff() <= 1e-6).all()
        assert float(far.max()) < 1e-3
