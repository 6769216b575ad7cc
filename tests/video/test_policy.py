"""Learning from made-up attempts of which the truth is known: values, choices, caution, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from finesight.errors import InputError
from finesight.schema.feedback import Attempt
from finesight.schema.policy import Policy
from finesight.video.exploring import ARMS, LEAVE, PLANNED, WEAKER
from finesight.video.policy import PENALTIES, first_tries, fit, prefer, read_policy, worth
from finesight.video.policy_value import Scored, learn, scored

SHARE = 0.5


def truth(arm: str, noise: float) -> float:
    """Much noise wants the full strength; little noise is best left alone."""
    return {PLANNED: 0.5 * noise - 0.3, WEAKER: 0.1, LEAVE: 0.0}.get(arm, -0.1)


def same(arm: str, noise: float) -> float:
    return 0.2


def world(count: int = 600, seed: int = 0, reward=truth, share: float = SHARE) -> list[Attempt]:
    """Tries at shots of 30 videos; the rules' way has a chance of 1 - share + share / 4."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        noise = float(rng.uniform(0, 2))
        drawn = rng.random() < share
        arm = str(rng.choice(ARMS)) if drawn else PLANNED
        chance = share / 4 + (1 - share) * (arm == PLANNED)
        told = reward(arm, noise) + rng.normal(0, 0.1)
        made.append(attempt(number, arm, chance, told, {"noise": noise, "flat": 1.0, "height": rng.normal()}))
    return made


def attempt(number: int, arm: str, chance: float | None, reward: float | None, features: dict) -> Attempt:
    return Attempt(
        id=str(number),
        at="",
        video="v",
        mark=f"video {number % 30}",
        shot=number,
        start=0,
        seconds=1,
        round=0,
        policy="rules",
        arm=arm,
        arms=ARMS,
        propensity=chance,
        outcome="accepted",
        reward=reward,
        features=features,
    )


def test_the_ridge_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    tries = [one for one in world(200) if one.arm == PLANNED]
    policy = fit(tries)
    rows = np.array([[one.features[name] for name in policy.features] for one in tries])
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    theirs = linear_model.Ridge(alpha=policy.arms[PLANNED].penalty).fit(rows, [one.reward for one in tries])
    assert policy.arms[PLANNED].weights == pytest.approx([theirs.intercept_, *theirs.coef_], abs=1e-5)
    assert policy.features == ("height", "noise")


def test_the_penalty_is_the_one_that_predicts_left_out_tries_best():
    linear_model = pytest.importorskip("sklearn.linear_model")
    tries = world(60, reward=lambda arm, noise: 0.05 * noise, share=0)
    policy = fit(tries)
    rows = np.array([[one.features[name] for name in policy.features] for one in tries])
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    rewards = np.array([one.reward for one in tries])
    errors = {}
    for penalty in PENALTIES:
        left = [
            rewards[i]
            - linear_model.Ridge(alpha=penalty)
            .fit(np.delete(rows, i, 0), np.delete(rewards, i))
            .predict(rows[i : i + 1])[0]
            for i in range(len(rows))
        ]
        errors[penalty] = np.mean(np.square(left))
    assert policy.arms[PLANNED].penalty == min(errors, key=errors.__getitem__)


def test_each_shot_gets_the_way_that_is_best_for_it():
    policy = learn(world())
    assert prefer(policy, {"noise": 1.8}, ARMS) == PLANNED
    assert prefer(policy, {"noise": 0.1}, ARMS) == WEAKER
    assert prefer(policy, {"noise": 0.1}, (PLANNED, LEAVE)) == LEAVE
    assert prefer(policy, {"noise": 0.1}, (PLANNED,)) == PLANNED


def test_its_value_and_that_of_the_rules_are_near_the_truth_and_it_is_shown_to_be_better():
    policy = learn(world())
    assert policy.rules is not None
    assert policy.learnt is not None
    noises = np.linspace(0, 2, 1001)
    rules = np.mean([truth(PLANNED, n) for n in noises])
    best = np.mean([max(truth(arm, n) for arm in (PLANNED, WEAKER)) for n in noises])
    for value, true in ((policy.rules, rules), (policy.learnt, best)):
        assert (value.ips, value.snips, value.dr) == pytest.approx((true,) * 3, abs=0.06)
        assert value.low < value.dr < value.high
    assert policy.gain is not None
    assert policy.gain[0] == pytest.approx(best - rules, abs=0.03)
    assert policy.better


def test_where_all_ways_are_alike_it_is_seldom_said_to_be_better():
    said = [learn(world(150, seed, same)).better for seed in range(20)]
    assert sum(said) <= 2


def test_intervals_of_the_rules_hold_the_truth_about_as_often_as_they_say():
    true = 0.5 * 1 - 0.3
    inside = [
        value.low <= true <= value.high
        for value in (learn(world(200, seed)).rules for seed in range(30))
        if value is not None
    ]
    assert sum(inside) >= 25


def test_estimates_are_those_worked_out_by_hand():
    tries = [
        attempt(0, PLANNED, 0.5, 1.0, {"x": 0.0}),
        attempt(1, LEAVE, 0.25, 0.4, {"x": 1.0}),
        attempt(2, PLANNED, 0.5, 0.2, {"x": 1.0}),
    ]
    policy = fit(tries)
    known = [{arm: mean for arm, (mean, _) in worth(policy, one.features).items()} for one in tries]
    found = scored(tries, [policy] * 3, lambda policy, one: LEAVE)
    assert isinstance(found, Scored)
    assert found.ips == pytest.approx([0, 1.6, 0])
    assert found.weights == pytest.approx([0, 4, 0])
    wanted = [known[0][LEAVE], known[1][LEAVE] + 4 * (0.4 - known[1][LEAVE]), known[2][LEAVE]]
    assert found.dr == pytest.approx(wanted)


def test_a_way_that_was_hardly_tried_is_not_preferred_for_its_luck():
    tries = [one for one in world(300, reward=same) if one.arm in (PLANNED, WEAKER)]
    lucky = [
        attempt(1000 + n, LEAVE, 0.1, 0.2 + 0.3 * (-1) ** n + 0.02, {"noise": 1.0, "height": 0.0})
        for n in (0, 1)
    ]
    policy = fit([*tries, *lucky])
    assert worth(policy, {"noise": 1.0})[LEAVE][0] > worth(policy, {"noise": 1.0})[PLANNED][0]
    assert prefer(policy, {"noise": 1.0, "height": 0.0}, (PLANNED, LEAVE)) == PLANNED


def test_what_is_not_known_of_a_shot_counts_as_the_mean():
    policy = fit(world())
    mean = dict(zip(policy.features, policy.mean, strict=True))
    unknown, average = worth(policy, {}), worth(policy, mean)
    assert unknown.keys() == average.keys()
    assert all(unknown[arm] == pytest.approx(average[arm], abs=1e-6) for arm in unknown)


@pytest.mark.parametrize(
    ("tries", "says"),
    [
        (world(100, share=0), "the way of 0 was drawn"),
        (world(20), "the way of 20 was drawn"),
        ([one for one in world() if one.arm == LEAVE], "in different ways"),
        ([one.model_copy(update={"mark": "one"}) for one in world()], "are of 1 videos"),
    ],
)
def test_too_little_to_say_anything_is_refused_with_the_remedy(tries, says):
    with pytest.raises(InputError, match=says):
        learn(tries)


def test_later_tries_are_not_learnt_from():
    first = attempt(0, PLANNED, 1.0, 0.5, {})
    assert first_tries([first, attempt(1, "weakened", None, None, {})]) == [first]


def test_a_policy_is_read_as_it_was_written(tmp_path):
    policy = learn(world(200))
    (tmp_path / "p.json").write_text(policy.model_dump_json())
    assert read_policy(tmp_path / "p.json") == policy
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(InputError, match="learn-policy"):
        read_policy(tmp_path / "p.json")
    assert not Policy.model_validate({**policy.model_dump(), "gain": None}).better
