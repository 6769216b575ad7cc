"""Tables of a pipeline from scores written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from finesight.data.mine.mining import mine
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.description import DescriptionScore
from finesight.scoring.mipi import INDICATORS, Difference
from finesight.train.exam import Scores
from finesight.ui.comparison import (
    Comparison,
    Time,
    main_table,
    mining_table,
    strict_table,
    time_table,
)

FIGURES = (*INDICATORS, "final")


def scores(value: float, severity: float | None = 0.5, unparsed: int = 0) -> Scores:
    """Six times the value."""
    six: dict[str, Any] = {**dict.fromkeys(INDICATORS, value), "final": 6 * value, "unparsed": unparsed}
    intervals = {name: (six[name] - 0.1, six[name] + 0.1) for name in FIGURES}
    described = DescriptionScore(
        pictures=40,
        undescribed=0,
        type_f1=value,
        box_f1=value / 2,
        severity_accuracy=severity,
        level_accuracy=value,
        intervals={},
    )
    return Scores(official=six, strict=six | {"intervals": intervals}, descriptions=described)


@pytest.fixture
def found() -> Comparison:
    """The article's three scores."""
    gained = {"sft": Difference(0.22, (0.1, 0.34)), "grpo": Difference(0.13, None)}
    return Comparison(
        models={name: f"runs/{name}/model" for name in ("base", "sft", "grpo")},
        scores={
            "base": scores(2.51 / 6, severity=None, unparsed=7),
            "sft": scores(2.73 / 6),
            "grpo": scores(2.86 / 6),
        },
        gained={name: dict.fromkeys(FIGURES, difference) for name, difference in gained.items()},
        times={"sft": Time(seconds=3661.4, starts=1), "grpo": Time(seconds=59.6, starts=3)},
    )


def test_the_table_has_a_column_a_contender_and_a_row_a_figure(found):
    rows = {name: cells for name, *cells in main_table(found)}
    assert list(rows)[:7] == [name.replace("_", " ") for name in FIGURES]
    assert rows["final"] == ["2.510", "2.730", "2.860"]
    assert rows["final, strict"][0] == "2.510 (2.410 to 2.610)"
    assert rows["severity accuracy"] == ["-", "0.500", "0.500"]
    assert rows["unparsed answers"] == ["7", "0", "0"]
    assert all(len(cells) == 3 for cells in rows.values())


def test_what_is_gained_stands_below_the_contender_that_gained_it(found):
    rows = {name: cells for name, *cells in main_table(found)}
    assert rows["gained, strict"] == ["", "+0.220 (+0.100 to +0.340)", "+0.130"]
    strict = {name: cells for name, *cells in strict_table(found)}
    assert strict["final"][3:] == ["+0.220 (+0.100 to +0.340)", "+0.130"]
    assert len(strict) == 7


def test_one_contender_has_nobody_to_gain_on(found):
    alone = found.model_copy(update={"scores": {"sft": found.scores["sft"]}, "gained": {}})
    assert "gained, strict" not in [row[0] for row in main_table(alone)]
    assert {len(row) for row in strict_table(alone)} == {2}


def test_times_are_added_up(found):
    assert time_table(found) == [("sft", "1:01:01", "1"), ("grpo", "0:01:00", "3"), ("all", "1:02:01", "")]


def test_the_record_is_json_of_plain_values(found):
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["scores"]["grpo"]["official"]["final"] == pytest.approx(2.86)
    assert record["gained"]["sft"]["final"] == [0.22, [0.1, 0.34]]
    assert (record["merging"], record["mining"]) == (None, None)


def test_groups_of_mining_add_up_in_every_row():
    def group(index: int, rewards: list[float], subclass: Subclass) -> RolloutGroup:
        sample = Sample(id=str(index), image=f"{index}.png", subclass=subclass, question="Why?", answer="A.")
        answers = tuple(SampledAnswer(text="A.", reward=reward) for reward in rewards)
        return RolloutGroup(
            index=index, sample=sample, model="m", seed=0, sampling=Sampling(samples=4), answers=answers
        )

    groups = [
        group(0, [0, 1, 0, 1], Subclass.ASSESS),
        group(1, [1, 1, 1, 1], Subclass.ASSESS),
        group(2, [0, 0, 0, 0], Subclass.SCORE),
        group(3, [0.5, 0.6, 0.7, 0.5], Subclass.SCORE),
    ]
    report = mine(groups).report
    rows = mining_table(report)
    assert [row[0] for row in rows] == ["assess", "score", "all"]
    for _, count, kept, *dropped in rows:
        assert int(count) == int(kept) + sum(map(int, dropped))
    assert rows[-1][1:3] == ("4", "2")
