"""A data folder rolled out with scripted answers: what is asked, skipped, gone on with and shared out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from finesight.data.folder import SAMPLES
from finesight.data.readers import read_rollouts, write_samples
from finesight.data.rollouts import Shard
from finesight.errors import ConfigError, InputError
from finesight.model.protocol import Completion
from finesight.schema.rollout import RolloutGroup, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.scoring.rewards import RewardSettings
from finesight.train.roll_folder import RolledOut, RolloutConfig, roll_folder

CONFIG = RolloutConfig(sampling=Sampling(samples=2), rows=4)


class Choosing:
    """Answers A or B by the seed of the question and the number of the answer, once `told` how many there are."""

    name = "choosing"

    def __init__(self) -> None:
        self.told: list[int] = []
        self.asked: list[str] = []

    def load(self, answered: int) -> Choosing:
        self.told.append(answered)
        return self

    def sample(self, requests, sampling, seeds):
        self.asked += [prompt for r in requests for prompt in r.prompts]
        return [
            [[Completion("AB"[(seed >> n) % 2] + ".") for n in range(sampling.samples)] for seed in own]
            for own in seeds
        ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pictures with two questions each; the third one is no picture."""
    samples = []
    for number in range(10):
        subclass = Subclass.MCQ if number % 3 else Subclass.QA
        samples.append(
            Sample(
                id=f"s{number}",
                image=f"{number % 5}.png",
                subclass=subclass,
                question=f"Question {number}?\nA. noise\nB. blur",
                answer="A.",
                candidates=("noise", "blur") if subclass is Subclass.MCQ else (),
            )
        )
    (tmp_path / "data/images").mkdir(parents=True)
    for number in range(5):
        Image.new("RGB", (40, 30), (number * 40, 9, 9)).save(tmp_path / f"data/images/{number}.png")
    (tmp_path / "data/images/2.png").write_bytes(b"not a picture")
    write_samples(tmp_path / "data" / SAMPLES, samples)
    return tmp_path / "data"


@pytest.fixture
def roll(data: Path, tmp_path: Path) -> Callable[..., RolledOut]:
    def run(out: str = "out", sampler: Choosing | None = None, config=CONFIG, **more) -> RolledOut:
        return roll_folder(data, tmp_path / out, "choosing", config, (sampler or Choosing()).load, **more)

    return run


def groups_in(folder: Path) -> dict[int, RolloutGroup]:
    groups = list(read_rollouts(sorted(folder.glob("rollouts*.jsonl"))))
    assert len({g.index for g in groups}) == len(groups)
    return {g.index: g for g in groups}


def test_every_question_of_a_good_picture_has_its_answers_scored(roll, tmp_path):
    done = roll()
    groups = groups_in(tmp_path / "out")
    assert sorted(groups) == [0, 1, 3, 4, 5, 6, 8, 9]
    assert (done.sampled, done.before) == (8, 0)
    assert list(done.skipped) == ["sample 2, 2.png", "sample 7, 2.png"]
    said = (tmp_path / "out/skipped.txt").read_text().splitlines()
    assert len(said) == 2
    assert said[0].startswith("sample 2, 2.png: ")
    for group in groups.values():
        for answer in group.answers:
            if group.sample.subclass is Subclass.MCQ:
                assert answer.reward == (answer.text == "A.")
            else:
                assert (answer.reward, answer.unscored) == (None, "no rule for free answers")
    assert len({a.text for g in groups.values() for a in g.answers}) == 2


def test_what_is_done_is_not_sampled_again_and_the_rest_is(roll, tmp_path, data):
    first = Choosing()
    assert roll(sampler=first, config=CONFIG.model_copy(update={"limit": 2})).sampled == 2
    assert first.asked == ["Question 0?\nA. noise\nB. blur", "Question 1?\nA. noise\nB. blur"]
    second = Choosing()
    done = roll(sampler=second)
    assert (done.sampled, done.before) == (6, 2)
    assert second.told == [4]
    assert not set(first.asked) & set(second.asked)
    Image.new("RGB", (40, 30)).save(data / "images/2.png")
    third = Choosing()
    assert roll(sampler=third).sampled == 2
    assert not (tmp_path / "out/skipped.txt").exists()
    last = Choosing()
    assert roll(sampler=last).sampled == 0
    assert last.told == []
    whole = roll("whole")
    assert whole.sampled == 10
    assert groups_in(tmp_path / "out") == groups_in(tmp_path / "whole")


def test_shards_and_batches_make_no_other_rollouts(roll, tmp_path):
    roll("whole")
    for index in (3, 1, 2):
        roll("shards", config=CONFIG.model_copy(update={"rows": 1}), shard=Shard(index=index, count=3))
    assert groups_in(tmp_path / "shards") == groups_in(tmp_path / "whole")
    with pytest.raises(ConfigError, match="shards is 2, was 3"):
        roll("shards", shard=Shard(index=1, count=2))


def test_only_the_subclasses_that_are_named_are_asked(roll, tmp_path):
    roll(config=CONFIG.model_copy(update={"subclasses": (Subclass.QA,), "limit": 3}))
    assert sorted(groups_in(tmp_path / "out")) == [0, 3, 6]
    with pytest.raises(InputError, match=r"combined\.json: no usable sample of assess; 0 records cannot"):
        roll(config=CONFIG.model_copy(update={"subclasses": (Subclass.ASSESS,)}))


def test_pictures_are_drawn_by_the_seed_with_all_their_questions_and_more_of_them_hold_fewer(roll, tmp_path):
    asked: dict[tuple[int, int], set[str]] = {}
    for seed, pictures in ((0, 2), (0, 4), (1, 2), (2, 2)):
        sampler = Choosing()
        config = CONFIG.model_copy(update={"seed": seed, "pictures": pictures})
        roll(f"out-{seed}-{pictures}", sampler, config)
        asked[seed, pictures] = {prompt.split("?")[0].removeprefix("Question ") for prompt in sampler.asked}
    assert asked[0, 2] < asked[0, 4]
    assert len({frozenset(asked[seed, 2]) for seed in (0, 1, 2)}) > 1
    for numbers in asked.values():
        assert {str((int(number) + 5) % 10) for number in numbers} == numbers


def test_records_that_cannot_be_read_are_told(roll, data):
    file = data / "samples/combined.json"
    records = json.loads(file.read_text())
    file.write_text(json.dumps([{"id": "broken"}, *records]))
    done = roll()
    assert next(iter(done.skipped)) == "record 0"
    assert done.sampled == 8


def test_changed_data_is_another_folder_s_rollouts(roll, data):
    roll()
    file = data / "samples/combined.json"
    file.write_text(file.read_text().replace("Question 9", "Question 99"))
    with pytest.raises(ConfigError, match="holds rollouts of other settings: data is"):
        roll()


def test_thoughts_are_asked_for_and_the_sample_stays_what_it_was(roll, tmp_path):
    sampler = Choosing()
    roll(sampler=sampler, config=CONFIG.model_copy(update={"thinking": True}))
    assert all("<think>" in asked for asked in sampler.asked)
    assert not any("<think>" in g.sample.question for g in groups_in(tmp_path / "out").values())


def test_rewards_are_those_of_the_settings(roll, tmp_path):
    own = {"mcq": "tests_of_nothing:reward"}
    with pytest.raises(ConfigError, match="tests_of_nothing cannot be imported"):
        roll(config=CONFIG.model_copy(update={"rewards": own}))
    assert not (tmp_path / "out").exists()
    roll(config=CONFIG.model_copy(update={"reward": RewardSettings(hit=0.7)}))
    record = json.loads((tmp_path / "out/rollouts.json").read_text())
    assert record["scoring"]["settings"]["hit"] == 0.7


def test_a_folder_without_samples_is_named(tmp_path):
    with pytest.raises(InputError, match=r"combined\.json: not found; `finesight data questions` writes it"):
        roll_folder(tmp_path, tmp_path / "out", "m", CONFIG, Choosing().load)
