"""Laws of the draw: everybody's turn comes as often, and more budget only adds."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from finesight.data.mine.settings import MiningSettings
from finesight.data.mine.turns import Lot, drawn
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType

T = DistortionType
SUBCLASSES = [Subclass.ASSESS, Subclass.MCQ, Subclass.DIST_DETECT]
TYPES = [T.NOISE, T.MOTION_BLUR, T.LOW_CLARITY]

lots = st.lists(
    st.tuples(st.sampled_from(SUBCLASSES), st.lists(st.sampled_from(TYPES), unique=True, max_size=2)),
    max_size=40,
).map(lambda rows: [Lot(place, subclass, tuple(types)) for place, (subclass, types) in enumerate(rows)])
budgets = st.integers(1, 45)


def kept(some: list[Lot], **settings: object) -> list[Lot]:
    places = drawn(some, MiningSettings(**settings))
    return [lot for lot in some if lot.place in places]


def fair(have: Counter, got: Counter) -> bool:
    """Nobody who still had some left has two fewer than another."""
    return all(got[one] == have[one] or got[one] >= max(got.values(), default=0) - 1 for one in have)


@given(lots, budgets)
def test_a_budget_is_spent_and_never_passed(some, budget):
    assert len(kept(some, budget=budget)) == min(budget, len(some))
    assert kept(some) == some


@given(lots, budgets, st.sampled_from(["both", "subclass"]))
def test_no_subclass_has_less_than_another_unless_it_has_no_more(some, budget, balance):
    got = kept(some, budget=budget, balance=balance)
    assert fair(Counter(lot.subclass for lot in some), Counter(lot.subclass for lot in got))


@given(lots, budgets, st.sampled_from(["both", "type"]))
def test_no_type_has_less_than_another_within_the_same_turn(some, budget, balance):
    some = [lot._replace(types=lot.types[:1]) for lot in some]
    got = kept(some, budget=budget, balance=balance)
    for subclass in SUBCLASSES if balance == "both" else [None]:
        have, has = (
            Counter(lot.types for lot in which if subclass in (None, lot.subclass)) for which in (some, got)
        )
        assert fair(have, has)


@given(lots, budgets, budgets, st.sampled_from(["both", "subclass", "type", "none"]), st.integers(0, 3))
def test_a_larger_budget_keeps_what_a_smaller_one_did(some, one, other, balance, seed):
    less, more = (
        drawn(some, MiningSettings(budget=budget, balance=balance, seed=seed))
        for budget in sorted((one, other))
    )
    assert less <= more


@given(lots, budgets, st.randoms(use_true_random=False))
def test_the_order_of_the_lots_is_of_no_account(some, budget, rng):
    settings = MiningSettings(budget=budget)
    mixed = some[:]
    rng.shuffle(mixed)
    assert drawn(mixed, settings) == drawn(some, settings)


@given(lots, st.integers(0, 6))
def test_a_subclass_keeps_to_a_budget_of_its_own(some, most):
    got = Counter(lot.subclass for lot in kept(some, subclasses={Subclass.MCQ: {"budget": most}}))
    have = Counter(lot.subclass for lot in some)
    assert got == Counter({**have, Subclass.MCQ: min(most, have[Subclass.MCQ])})


def test_one_that_names_several_types_stands_for_the_rarest():
    common = [Lot(i, Subclass.ASSESS, (T.LOW_CLARITY,)) for i in range(20)]
    rare = [Lot(20, Subclass.ASSESS, (T.LOW_CLARITY, T.NOISE)), Lot(21, Subclass.ASSESS, (T.NOISE,))]
    assert {20, 21} <= drawn([*common, *rare], MiningSettings(budget=4))


def test_without_balance_the_shares_stay_about_as_they_were():
    some = [Lot(i, SUBCLASSES[i % 10 == 0], ()) for i in range(2000)]
    assert 20 < Counter(lot.subclass for lot in kept(some, budget=400, balance="none"))[Subclass.MCQ] < 60
    assert Counter(lot.subclass for lot in kept(some, budget=400))[Subclass.MCQ] == 200


def test_another_seed_draws_others():
    some = [Lot(i, Subclass.ASSESS, ()) for i in range(50)]
    assert drawn(some, MiningSettings(budget=10)) != drawn(some, MiningSettings(budget=10, seed=1))
