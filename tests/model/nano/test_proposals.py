from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from finesight.model.nano.proposals import KINDS, TOLD, WHAT_FEATURES, Ballot, Proposals, gather_votes
from finesight.model.nano.votes import SLOTS, THERE, votes_of
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Severity

CELLS, GRID = 16, (4, 4)
LEFT, RIGHT = (0.0, 0.0, 0.4, 0.5), (0.6, 0.5, 1.0, 1.0)


def votes_for(*claims: tuple[int, int, tuple[float, ...], float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Presence and boxes of one picture of 16 cells, where (cell, type, box, probability) claim something."""
    presence, box = torch.full((1, CELLS, 10), 0.01), torch.zeros(1, CELLS, 10, 4)
    for cell, kind, corners, probability in claims:
        presence[0, cell, kind] = probability
        box[0, cell, kind] = torch.tensor(corners)
    return presence, box


def voted(presence: torch.Tensor, box: torch.Tensor, types: Sequence[int] = range(10)) -> Ballot:
    """The votes of the one picture, which has some types and surely none of the others."""
    there = torch.tensor([[0.99 if kind in types else 0.01 for kind in range(10)]])
    return gather_votes(presence, box, [GRID], there)


def proposed(
    presence: torch.Tensor, box: torch.Tensor, types: Sequence[int] | None = None
) -> tuple[list[int], list[list[float]]]:
    """Types and boxes of what is proposed of the one picture; by default it has the types a cell is sure of."""
    sure = (presence > 0.02).any(1)[0].nonzero().flatten().tolist()
    ballot = voted(presence, box, sure if types is None else types)
    filled = ballot.kinds[0].any(-1)
    return ballot.kinds[0, filled].argmax(-1).tolist(), ballot.mean(box)[0, filled].tolist()


def test_cells_that_agree_are_one_distortion_and_its_box_their_weighted_mean():
    shifted = tuple(v + 0.04 for v in LEFT)
    kinds, boxes = proposed(*votes_for((0, 9, LEFT, 0.75), (1, 9, shifted, 0.9), (2, 9, LEFT, 0.9)))
    assert kinds == [9]
    expected = [v + 0.04 * 0.9 / 2.55 for v in LEFT]
    assert boxes[0] == pytest.approx(expected, abs=1e-6)


def test_boxes_that_lie_apart_and_types_that_differ_are_several():
    claims = [(i, 9, LEFT, 0.9) for i in range(3)]
    claims += [(i, 9, RIGHT, 0.8) for i in range(3, 6)]
    claims += [(i, 2, LEFT, 0.7) for i in range(3)]
    kinds, boxes = proposed(*votes_for(*claims))
    # By type first, then in reading order, as the answers are written.
    assert kinds == [2, 9, 9]
    assert boxes == [pytest.approx(LEFT), pytest.approx(LEFT), pytest.approx(RIGHT)]


def test_a_type_the_picture_does_not_have_is_not_proposed():
    presence, box = votes_for((0, 3, LEFT, 0.9), (1, 3, LEFT, 0.9))
    assert proposed(presence, box, types=[]) == ([], [])
    ballot = voted(presence, box, types=[])
    assert not ballot.mean(box).any()
    assert not ballot.kinds.any()


@pytest.mark.parametrize("kind", DistortionType)
def test_every_type_has_its_own_probability_from_which_the_picture_has_it(kind):
    presence, box = votes_for(*((cell, KINDS.index(kind), LEFT, 0.9) for cell in range(3)))
    found = []
    for beside in (-0.01, 0.01):
        types = torch.tensor([[THERE[kind] + beside if k is kind else 0.0 for k in KINDS]])
        found.append(bool(gather_votes(presence, box, [GRID], types).kinds.any()))
    assert found == [False, True]


def test_a_type_the_picture_has_is_proposed_by_its_surest_cell_where_no_cell_believes_in_it():
    kinds, boxes = proposed(*votes_for((0, 3, LEFT, 0.3), (7, 3, RIGHT, 0.4)))
    assert kinds == [3]
    assert boxes == [pytest.approx(RIGHT)]


def test_one_cell_does_not_carry_a_large_box_beside_votes_that_agree():
    large = (0.45, 0.0, 1.0, 1.0)
    agreed = [(i, 4, LEFT, 0.75) for i in range(3)]
    kinds, boxes = proposed(*votes_for((5, 4, large, 0.9), *agreed))
    assert kinds == [4]
    assert boxes == [pytest.approx(LEFT)]
    kinds, _ = proposed(*votes_for(*agreed, *((i, 4, large, 0.9) for i in range(5, 9))))
    assert kinds == [4, 4]


def test_boxes_of_a_type_that_lie_on_one_another_are_one_distortion():
    inner = (0.05, 0.05, 0.2, 0.3)
    kinds, boxes = proposed(*votes_for((0, 4, LEFT, 0.9), (1, 4, LEFT, 0.9), (2, 4, inner, 0.8)))
    assert kinds == [4]
    assert boxes[0][2] == pytest.approx((2 * 0.9 * 0.4 + 0.8 * 0.2) / 2.6)


def test_padding_has_no_vote():
    presence, box = votes_for((0, 9, LEFT, 0.9), (1, 9, LEFT, 0.9), (15, 2, LEFT, 1.0), (14, 2, LEFT, 1.0))
    ballot = gather_votes(presence, box, [(2, 7)], torch.ones(1, 10))
    assert ballot.weights.shape == (1, SLOTS, 10, CELLS)
    assert not ballot.weights[..., 14:].any()
    arrays = presence[0, :14].numpy(), box[0, :14].numpy()
    votes = votes_of(*arrays, torch.ones(10).numpy(), (2, 7))
    assert [vote.kind for vote in votes if vote.strength > 0.1] == [9]


def test_a_box_is_half_what_is_voted_for_and_half_where_it_is_seen():
    # Three cells in a row, on a grid of four by four, vote for more than they see.
    presence, box = votes_for(*((cell, 9, (0.0, 0.0, 0.8, 0.3), 0.99) for cell in range(3)))
    ballot = voted(presence, box, types=[9])
    assert ballot.extents[0, 0].tolist() == pytest.approx([0.0, 0.0, 0.75, 0.25])
    assert ballot.boxes(box)[0, 0].tolist() == pytest.approx([0.0, 0.0, 0.775, 0.275])
    assert not ballot.boxes(box)[0, 1:].any()


def test_there_are_never_more_than_there_are_slots_and_the_strongest_stay():
    claims = [
        (i, kind, (0.02 * i, 0.0, 0.02 * i + 0.01, 0.1), 0.75) for i in range(CELLS) for kind in range(5)
    ]
    claims += [(i, 9, LEFT, 1.0) for i in range(CELLS)]
    kinds, _ = proposed(*votes_for(*claims))
    assert len(kinds) == SLOTS
    assert 9 in kinds


def test_what_a_proposal_says_is_differentiable():
    presence, box = votes_for(*((i, 9, LEFT, 0.8) for i in range(3)))
    ballot = voted(presence, box, types=[9])
    box.requires_grad_()
    ballot.mean(box)[0, 0].sum().backward()
    assert box.grad is not None
    torch.testing.assert_close(box.grad[0, :3, 9], torch.full((3, 4), 1 / 3))
    assert not box.grad[0, 3:].any()


def test_a_hint_takes_the_place_of_all_proposals_of_its_picture():
    own = Proposals(torch.rand(2, SLOTS, WHAT_FEATURES), torch.rand(2, SLOTS, 4))
    noise = Finding(
        type=DistortionType.NOISE, severity=Severity.MODERATE, box=Box.of(1, 200, 700, 900), key=True
    )
    dark = Finding(type=DistortionType.UNDEREXPOSURE, severity=Severity.MINOR, box=Box.of(0, 0, 1000, 1000))
    told = own.hinted([None, Diagnosis(content="", findings=(noise, dark), level=None)])
    assert torch.equal(told.what[0], own.what[0])
    assert torch.equal(told.box[0], own.box[0])
    rest = pytest.approx((1 - TOLD) / 2)
    for slot, finding, key in ((0, dark, pytest.approx(1 - TOLD)), (1, noise, TOLD)):
        kind, (present, is_key), severity = (
            part.tolist() for part in told.what[1, slot].double().round(decimals=6).split([10, 2, 3])
        )
        assert kind == [float(k is finding.type) for k in KINDS]
        assert (present, is_key) == (TOLD, key)
        assert severity == [TOLD if rank == finding.severity.rank else rest for rank in (1, 2, 3)]
        assert told.box[1, slot].tolist() == pytest.approx([v / 1000 for v in finding.box.xyxy])
    assert not told.what[1, 2:].any()
    assert not told.box[1, 2:].any()


def test_a_hint_with_more_findings_than_slots_is_cut_to_them():
    many = tuple(
        Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(i, 0, i + 10, 10))
        for i in range(20)
    )
    empty = Proposals(torch.zeros(1, SLOTS, WHAT_FEATURES), torch.zeros(1, SLOTS, 4))
    told = empty.hinted([Diagnosis(content="", findings=many, level=None)])
    assert int((told.what[..., KINDS.index(DistortionType.NOISE)] == 1).sum()) == SLOTS
