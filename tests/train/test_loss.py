from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from finesight.model.nano.vision import Dense
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.train.loss import DenseLabels, Ruler, _giou, answer_loss, dense_labels, dense_loss

TYPES = list(DistortionType)
IDS = {number: 5 + 2 * number for number in range(1001)}
VOCABULARY = 2100


@pytest.fixture(scope="module")
def ruler() -> Ruler:
    return Ruler(IDS, VOCABULARY, width=8.0)


def logits(count: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return 3 * torch.randn(count, VOCABULARY, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_without_a_ruler_the_loss_is_the_cross_entropy_of_each_token():
    scores, targets = logits(6), torch.tensor([0, 4, 5, 7, 1005, 2099])
    got = answer_loss(scores, targets)
    p = np.exp(scores.double().numpy())
    expected = -np.log(p[np.arange(6), targets] / p.sum(1))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_with_a_ruler_only_number_tokens_are_scored_otherwise(ruler):
    scores = logits(4)
    targets = torch.tensor([0, IDS[500], 6, IDS[1000]])
    plain, soft = answer_loss(scores, targets), answer_loss(scores, targets, ruler)
    assert torch.equal(plain[[0, 2]], soft[[0, 2]])
    log_p = scores.log_softmax(-1).double().numpy()
    for row, value in ((1, 500), (3, 1000)):
        weights = np.exp(-(((np.arange(1001) - value) / 8.0) ** 2) / 2)
        weights /= weights.sum()
        expected = sum(w * (np.log(w) - log_p[row, IDS[n]]) for n, w in enumerate(weights) if w > 0)
        assert float(soft[row]) == pytest.approx(expected, rel=1e-4)
    words = torch.tensor([0, 2, 6, 8])
    assert torch.equal(answer_loss(scores, words), answer_loss(scores, words, ruler))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=5), st.floats(0.5, 40))
def test_soft_targets_are_a_distribution_that_peaks_at_the_value(values, width):
    ruler = Ruler(IDS, VOCABULARY, width)
    soft = ruler.soft_targets(torch.tensor(values, dtype=torch.float32))
    assert soft.shape == (len(values), 1001)
    torch.testing.assert_close(soft.sum(1), torch.ones(len(values)))
    assert soft.argmax(1).tolist() == values
    for row, value in zip(soft, values, strict=True):
        assert (row[value:].diff() <= 0).all()
        assert (row[: value + 1].diff() >= 0).all()


def test_numbers_said_as_the_soft_target_wants_cost_nothing(ruler):
    scores = torch.full((1, VOCABULARY), -1e4)
    scores[0, ruler.ids] = ruler.soft_targets(torch.tensor([500.0])).log().clamp_min(-1e4)
    assert float(answer_loss(scores, torch.tensor([IDS[500]]), ruler)) == pytest.approx(0.0, abs=1e-4)


def test_a_near_number_costs_less_than_a_far_one(ruler):
    def cost(said: int) -> float:
        scores = torch.zeros(1, VOCABULARY)
        scores[0, IDS[said]] = 10.0
        return float(answer_loss(scores, torch.tensor([IDS[500]]), ruler))

    costs = [cost(said) for said in (500, 504, 510, 520, 560)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1] - 0.3


def test_the_gradient_is_that_of_finite_differences(ruler):
    scores = logits(3, torch.float64).requires_grad_()
    targets = torch.tensor([0, IDS[3], IDS[700]])
    exact = Ruler(IDS, VOCABULARY, 8.0)
    exact.values, exact.value_of = exact.values.double(), exact.value_of.double()

    def total(x: torch.Tensor) -> torch.Tensor:
        return answer_loss(x, targets, exact).sum()

    (gradient,) = torch.autograd.grad(total(scores), scores)
    step = 1e-5
    for row, column in ((0, 0), (0, 9), (1, IDS[3]), (1, IDS[20]), (1, 1), (2, IDS[700]), (2, IDS[0])):
        nudge = torch.zeros_like(scores)
        nudge[row, column] = step
        with torch.no_grad():
            slope = (total(scores + nudge) - total(scores - nudge)) / (2 * step)
        assert float(gradient[row, column]) == pytest.approx(float(slope), rel=1e-4, abs=1e-8)


def finding(kind: int, box: tuple[int, int, int, int], severity: str = "minor", key: bool = False) -> Finding:
    return Finding(type=TYPES[kind], severity=Severity(severity), box=Box.of(*box), key=key)


def diagnosed(*findings: Finding, level: Level | None = None) -> Diagnosis:
    return Diagnosis(content="", findings=findings, level=level)


def drawn(plane: torch.Tensor) -> list[list[int]]:
    """(9,) of a 3 x 3 grid as rows."""
    return plane.reshape(3, 3).int().tolist()


def test_a_type_is_present_where_its_box_holds_the_centre_of_the_cell():
    # Centres of a 3 x 3 grid lie at 167, 500 and 833 thousandths.
    labels = dense_labels(
        [diagnosed(finding(9, (100, 400, 600, 900), "severe", key=True), finding(0, (0, 0, 1000, 1000)))],
        [(3, 3)],
    )
    assert drawn(labels.presence[0, :, 9]) == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert drawn(labels.presence[0, :, 0]) == [[1, 1, 1]] * 3
    assert drawn(labels.key[0, :, 9]) == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert not labels.key[0, :, 0].any()
    assert drawn(labels.severity[0, :, 9]) == [[-1, -1, -1], [2, 2, -1], [2, 2, -1]]
    assert drawn(labels.severity[0, :, 0]) == [[0, 0, 0]] * 3
    torch.testing.assert_close(labels.box[0, 4, 9], torch.tensor([0.1, 0.4, 0.6, 0.9]))
    assert not labels.presence[0, :, 1:9].any()
    assert labels.valid.all()


def test_a_box_too_small_to_hold_a_centre_claims_the_cell_it_lies_in():
    tiny = finding(9, (700, 10, 760, 60)), finding(2, (1000, 1000, 1000, 1000)), finding(3, (333, 0, 334, 20))
    labels = dense_labels([diagnosed(*tiny)], [(3, 3)])
    assert drawn(labels.presence[0, :, 9]) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert drawn(labels.presence[0, :, 2]) == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert int(labels.presence[0, :, 3].sum()) == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_where_boxes_of_a_type_overlap_the_smaller_one_wins(swapped):
    large, small = finding(9, (0, 0, 1000, 1000)), finding(9, (400, 400, 600, 600), "severe", key=True)
    labels = dense_labels([diagnosed(*((small, large) if swapped else (large, small)))], [(3, 3)])
    assert drawn(labels.severity[0, :, 9]) == [[0, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert drawn(labels.key[0, :, 9]) == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    torch.testing.assert_close(labels.box[0, 4, 9], torch.tensor([0.4, 0.4, 0.6, 0.6]))


def test_pictures_that_say_nothing_and_padding_are_not_labelled():
    said = [None, diagnosed(), diagnosed(finding(1, (0, 0, 1000, 1000)), level=Level.EXCELLENT)]
    labels = dense_labels(said, [(3, 3), (1, 2), (2, 2)])
    assert labels.level.tolist() == [-1, -1, 4]
    assert [int(v) for v in labels.valid[..., 0].sum(1)] == [0, 2, 4]
    assert not labels.presence[:2].any()


def of_labels(labels: DenseLabels, certainty: float = 40.0) -> Dense:
    """What a perfect head would say."""
    return Dense(
        presence=(labels.presence * 2 - 1) * certainty,
        key=(labels.key * 2 - 1) * certainty,
        severity=F.one_hot(labels.severity.clamp_min(0), 3).float() * certainty,
        box=labels.box.clone(),
        level=F.one_hot(labels.level.clamp_min(0), 5).float() * certainty,
        types=(labels.types * 2 - 1) * certainty,
        tilt=torch.zeros(len(labels.level)),
    )


@pytest.fixture
def labels() -> DenseLabels:
    first = diagnosed(
        finding(9, (100, 400, 600, 900), "severe", key=True), finding(4, (0, 0, 500, 500)), level=Level.POOR
    )
    second = diagnosed(finding(0, (0, 0, 1000, 1000), "moderate"))
    return dense_labels([first, second, None], [(3, 3), (2, 2), (2, 3)])


def test_a_perfect_view_costs_nothing(labels):
    assert float(dense_loss(of_labels(labels), labels)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("part", ["presence", "key", "severity", "box", "level", "types"])
def test_every_part_of_a_wrong_view_costs_something(labels, part):
    perfect = of_labels(labels)
    worse = perfect.box + 0.05 if part == "box" else getattr(perfect, part).roll(1, 1)
    assert float(dense_loss(perfect._replace(**{part: worse}), labels)) > 0.05


def test_the_loss_is_the_sum_of_its_terms(labels):
    rng = torch.Generator().manual_seed(2)
    shape = labels.presence.shape
    x1y1 = torch.rand(*shape, 2, generator=rng) * 0.5
    box = torch.cat([x1y1, x1y1 + 0.1 + 0.4 * torch.rand(*shape, 2, generator=rng)], -1)
    view = Dense(
        torch.randn(shape, generator=rng),
        torch.randn(shape, generator=rng),
        torch.randn(*shape, 3, generator=rng),
        box,
        torch.randn(3, 5, generator=rng),
        torch.randn(3, 10, generator=rng),
        torch.zeros(3),
    )
    where = [i for i in np.ndindex(*shape) if labels.valid[i]]
    present = [i for i in where if labels.presence[i] == 1]

    def bce(logit: torch.Tensor, label: torch.Tensor, weight: float = 1.0) -> float:
        p = 1 / (1 + math.exp(-float(logit)))
        return -weight * math.log(p) if label == 1 else -math.log(1 - p)

    cells = {(b, t): float(labels.presence[b, :, t].sum()) for b, _, t in present}
    assert set(cells.values()) == {4}

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=[math.sqrt(16 / cells[b, t]) for b, _, t in present]))

    # A distorted cell of a finding of 4 counts as 3 x sqrt(16 / 4) clean ones.
    expected = np.mean([bce(view.presence[i], labels.presence[i], weight=3.0 * 2) for i in where])
    expected += 0.5 * -float(view.level[0].log_softmax(-1)[Level.POOR.rank - 1])
    expected += 0.5 * mean([bce(view.key[i], labels.key[i]) for i in present])
    expected += 0.5 * mean([-float(view.severity[i].log_softmax(-1)[labels.severity[i]]) for i in present])
    expected += 2 * mean([float((view.box[i] - labels.box[i]).abs().mean()) for i in present])
    expected += mean([1 - giou(view.box[i].tolist(), labels.box[i].tolist()) for i in present])
    known = [(0, 4), (0, 9), (1, 0)]
    expected += 2 * np.mean(
        [bce(view.types[b, t], float((b, t) in known)) for b in range(2) for t in range(10)]
    )
    assert float(dense_loss(view, labels)) == pytest.approx(expected, rel=1e-5)


def test_a_finding_counts_by_the_root_of_its_area():
    large, small = finding(9, (0, 0, 1000, 1000)), finding(2, (0, 0, 250, 250))
    labels = dense_labels([diagnosed(large, small)], [(8, 8)])
    assert labels.weight[0, :, 9].sum() == pytest.approx(math.sqrt(16 * 64))
    assert labels.weight[0, :, 2].sum() == pytest.approx(math.sqrt(16 * 4))
    assert labels.weight.sum() == labels.weight[labels.presence > 0].sum()


def test_what_is_not_valid_has_no_gradient(labels):
    perfect = of_labels(labels, 1.0)
    view = Dense(*(part.requires_grad_() for part in perfect._replace(box=perfect.box + 0.05)))
    dense_loss(view, labels).backward()
    assert view.tilt.grad is None  # it is not learnt here
    for name, part in view._asdict().items():
        if name == "tilt":
            continue
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad.any()
        unknown = {"level": labels.level < 0, "types": labels.types < 0}.get(name, ~labels.valid)
        assert not part.grad[unknown].any()


def test_a_batch_of_which_nothing_is_known_costs_nothing_and_still_has_a_gradient():
    labels = dense_labels([None], [(2, 2)])
    view = Dense(*(part.requires_grad_() for part in of_labels(labels)))
    loss = dense_loss(view, labels)
    loss.backward()
    assert loss.item() == 0.0
    assert view.presence.grad is not None
    assert not view.presence.grad.any()


def test_a_batch_without_distortions_is_about_presence_alone():
    labels = dense_labels([diagnosed()], [(2, 2)])
    perfect = of_labels(labels)
    assert float(dense_loss(perfect, labels)) == pytest.approx(0.0, abs=1e-6)
    assert float(dense_loss(perfect._replace(presence=-perfect.presence), labels)) > 10


def giou(a: list[float], b: list[float]) -> float:
    """Generalised IoU from its definition, term by term (arXiv 1902.09630, algorithm 1)."""

    def area(box: tuple[float, ...] | list[float]) -> float:
        return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])

    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - shared
    hull = area((min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])))
    return shared / union - (hull - union) / hull


SHARE = st.integers(0, 100)
BOXES = st.tuples(SHARE, SHARE, st.integers(1, 100), st.integers(1, 100)).map(
    lambda c: [c[0] / 100, c[1] / 100, (c[0] + c[2]) / 100, (c[1] + c[3]) / 100]
)


@given(BOXES, BOXES)
def test_giou_is_the_one_of_its_definition(a, b):
    got = float(_giou(torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)))
    assert got == pytest.approx(giou(a, b), abs=1e-9)
    assert -1 <= got <= 1


@given(BOXES)
def test_giou_of_a_box_with_itself_is_one(a):
    assert float(_giou(torch.tensor([a]), torch.tensor([a]))) == pytest.approx(1.0, abs=1e-4)


def test_giou_of_boxes_without_area_is_finite():
    point = torch.tensor([[0.5, 0.5, 0.5, 0.5]], requires_grad=True)
    value = _giou(point, torch.tensor([[0.5, 0.5, 0.5, 0.5]])).sum()
    value.backward()
    assert torch.isfinite(value)
    assert point.grad is not None
    assert torch.isfinite(point.grad).all()
