"""The parts of the rewards against hand-worked cases and against trying every pairing."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding, Mention
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import RewardSettings
from finesight.scoring.rewards.agreement import found, graded_level, keys, named, referred

NOISE, BLUR = DistortionType.NOISE, DistortionType.MOTION_BLUR
MINOR, MODERATE, SEVERE = Severity
SETTINGS = RewardSettings()

corner = st.integers(0, 20)
boxes = st.tuples(corner, corner, corner, corner).map(
    lambda c: Box.of(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
findings = st.lists(
    st.builds(Finding, type=st.sampled_from([NOISE, BLUR]), severity=st.sampled_from(Severity), box=boxes),
    max_size=4,
)
shares = st.floats(0, 1)
settings = st.builds(RewardSettings, hit=shares, severity=shares, named_severity=shares)


def at(x1: int, x2: int, severity: Severity = SEVERE, type_: DistortionType = NOISE) -> Finding:
    return Finding(type=type_, severity=severity, box=Box.of(x1, 0, x2, 1000))


def iou(first: Box, second: Box) -> float:
    """Worked out without the code under test."""
    if first == second:
        return 1.0
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    shared = max(0, width) * max(0, height)
    area = sum((b.x2 - b.x1) * (b.y2 - b.y1) for b in (first, second)) - shared
    return shared / area if area else 0.0


def worth(said: Finding, true: Finding, given_settings: RewardSettings) -> float:
    overlap = iou(said.box, true.box)
    place = (1 - given_settings.hit) * overlap + given_settings.hit * (overlap >= 0.5)
    steps = abs(
        [MINOR, MODERATE, SEVERE].index(said.severity) - [MINOR, MODERATE, SEVERE].index(true.severity)
    )
    severity = 1 - steps / 2
    share = given_settings.severity
    return (said.type == true.type) * place * (1 - share + share * severity)


def best(said: list[Finding], true: list[Finding], given_settings: RewardSettings) -> float:
    """The most that any pairing is worth, by trying all of them."""
    fewer, more = (said, true) if len(said) <= len(true) else (true, said)
    return max(
        sum(worth(a, b, given_settings) for a, b in zip(fewer, order, strict=True))
        for order in permutations(more, len(fewer))
    )


@given(findings, findings, settings, st.integers(0, 3))
def test_findings_earn_twice_the_best_pairing_by_all_that_was_said_and_is_true(
    said, true, given_settings, again
):
    earned = found(said, true, given_settings, again)
    if said and true:
        expected = 2 * best(said, true, given_settings) / (len(said) + len(true) + again)
        assert earned.worth == pytest.approx(expected, abs=1e-9)
    else:
        assert earned == (float(not said and not true),) * 3


@given(findings, findings, settings)
def test_what_findings_earn_is_their_boxes_and_severities_in_their_shares(said, true, given_settings):
    earned = found(said, true, given_settings)
    share = given_settings.severity
    assert earned.worth == pytest.approx((1 - share) * earned.boxes + share * earned.severity, abs=1e-9)
    assert 0 <= earned.severity <= earned.worth + 1e-9
    assert earned.worth <= earned.boxes + 1e-9 <= 1 + 2e-9


@given(findings.filter(bool), settings)
def test_the_truth_itself_earns_exactly_one_boxes_without_area_too(true, given_settings):
    assert found(true, true, given_settings) == (1.0, 1.0, 1.0)
    assert referred([f.box for f in true], [f.box for f in true]) == 1.0
    assert keys(true, true) == 1.0
    mentions = [Mention(type=f.type, severity=f.severity) for f in true]
    assert named(mentions, mentions, given_settings) == 1.0


@pytest.mark.parametrize(
    ("said", "true", "earned"),
    [
        # IoU .8 of the right severity: .5 x .8 + .5; one said, two true: twice that by three.
        ([at(0, 80)], [at(0, 100), at(500, 600)], 2 * 0.9 / 3),
        # Below IoU .5 only the IoU counts, by its share.
        ([at(0, 40)], [at(0, 100)], 0.5 * 0.4),
        ([at(0, 50)], [at(0, 100)], 0.5 * 0.5 + 0.5),
        # The next severity loses half of its share, the one after all of it.
        ([at(0, 100, MODERATE)], [at(0, 100)], 0.9),
        ([at(0, 100, MINOR)], [at(0, 100)], 0.8),
        ([at(0, 100, type_=BLUR)], [at(0, 100)], 0.0),
        # Two for one: the better one counts, and both were said.
        ([at(0, 80), at(0, 100)], [at(0, 100)], 2 / 3),
    ],
)
def test_hand_worked_findings(said, true, earned):
    assert found(said, true, SETTINGS).worth == pytest.approx(earned)


def test_a_box_said_again_costs_as_much_as_one_that_finds_nothing():
    repeated = found([at(0, 100)], [at(0, 100)], SETTINGS, again=1).worth
    assert repeated == found([at(0, 100), at(500, 600)], [at(0, 100)], SETTINGS).worth == pytest.approx(2 / 3)


def test_a_pair_may_be_given_up_for_a_better_one():
    """As many pairs as possible would pair each of the two with the wrong one, for .05 in all instead of 1."""
    said, true = [at(100, 200), at(0, 101)], [at(100, 200), at(190, 300)]
    assert found(said, true, RewardSettings(hit=0, severity=0)).worth == pytest.approx(2 * 1 / 4)


def test_referred_boxes_earn_their_overlap_whatever_their_type():
    assert referred([Box.of(0, 0, 40, 100)], [Box.of(0, 0, 100, 100)]) == pytest.approx(0.4)
    assert referred([Box.of(0, 0, 40, 100)] * 2, [Box.of(0, 0, 100, 100)]) == pytest.approx(0.8 / 3)
    assert referred([Box.of(0, 0, 40, 100)], [Box.of(0, 0, 100, 100)], again=1) == pytest.approx(0.8 / 3)
    assert referred([], []) == 1
    assert referred([Box.of(0, 0, 1, 1)], []) == referred([], [Box.of(0, 0, 1, 1)]) == 0


def test_names_earn_by_type_and_severity():
    true = [Mention(type=NOISE, severity=SEVERE), Mention(type=BLUR, severity=MINOR)]
    assert named(true[:1], true, SETTINGS) == pytest.approx(2 / 3)
    assert named([Mention(type=NOISE, severity=MODERATE)], true, SETTINGS) == pytest.approx(2 * 0.75 / 3)
    assert named([Mention(type=NOISE, severity=MINOR)], true, SETTINGS) == pytest.approx(2 * 0.5 / 3)
    assert named([], true, SETTINGS) == named(true, [], SETTINGS) == 0
    assert named([], [], SETTINGS) == 1


def test_a_key_needs_more_than_half_of_the_overlap_as_in_the_indicator():
    assert keys([at(0, 50)], [at(0, 100)]) == 0
    assert keys([at(0, 51)], [at(0, 100)]) == 1
    assert keys([at(0, 100, MINOR)], [at(0, 100)]) == 1
    assert keys([at(0, 100), at(200, 300)], [at(0, 100)]) == pytest.approx(2 / 3)
    assert keys([at(0, 100, type_=BLUR)], [at(0, 100)]) == keys([], [at(0, 100)]) == 0
    assert keys([], []) == 1


@pytest.mark.parametrize(
    ("reach", "credits"), [(1, [1, 0, 0, 0, 0]), (2, [1, 0.5, 0, 0, 0]), (5, [1, 0.8, 0.6, 0.4, 0.2])]
)
def test_a_level_earns_less_with_every_step(reach, credits):
    assert [graded_level(level, Level.BAD, reach) for level in Level] == pytest.approx(credits)
    assert [graded_level(Level.BAD, level, reach) for level in Level] == pytest.approx(credits)


def test_no_level_is_only_right_where_there_is_none():
    assert graded_level(None, None, 2) == 1
    assert graded_level(None, Level.BAD, 2) == graded_level(Level.BAD, None, 2) == 0
