"""Rolling out with a sampler whose answers are a function of question, seed and number: order and batches show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from finesight.errors import InputError, ModelError
from finesight.model.protocol import Completion, Request
from finesight.schema.picture import Picture
from finesight.schema.rollout import RolloutGroup, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.train.rollout import Rollout, by_picture, question_seed, shard_of

SAMPLING = Sampling(samples=3)


class Telling:
    """Says what it was asked and by which stream; a question with `!` is refused."""

    name = "telling"

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, int]]] = []

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        self.calls.append([(r.picture.path, len(r.prompts)) for r in requests])
        if any("!" in prompt for r in requests for prompt in r.prompts):
            raise InputError("no such thing is answered")
        return [
            [
                [
                    Completion(
                        f"{r.picture.path} {prompt} {seed} {n}", logprobs=(-1.5,), tokens=(n,), finished=n > 0
                    )
                    for n in range(sampling.samples)
                ]
                for prompt, seed in zip(r.prompts, own, strict=True)
            ]
            for r, own in zip(requests, seeds, strict=True)
        ]


def made(*names: str) -> list[tuple[int, Sample]]:
    """A sample for each name "picture question", with its place."""
    return [
        (
            i,
            Sample(
                id=str(i), image=name.split()[0], subclass=Subclass.QA, question=name.split()[1], answer="x"
            ),
        )
        for i, name in enumerate(names)
    ]


SAMPLES = made("a q0", "b q1", "a q2", "c q3", "b q4", "d q5", "a q6")


def load(image: str) -> Picture:
    if image == "d":
        raise InputError("d: not a picture")
    return Picture(image, None, image)


def rolled(samples=SAMPLES, sampler=None, load=load, **how) -> list[list[RolloutGroup]]:
    return list(Rollout(sampler or Telling(), SAMPLING, 5, **how).batches(samples, load))


def flat(batches: list[list[RolloutGroup]]) -> list[RolloutGroup]:
    return [group for batch in batches for group in batch]


def test_a_picture_s_questions_are_one_request_and_pictures_are_asked_until_a_batch_is_full():
    sampler = Telling()
    batches = rolled(sampler=sampler, together=15)
    assert sampler.calls == [[("a", 3), ("b", 2)], [("c", 1)]]
    assert [[g.index for g in batch] for batch in batches] == [[0, 2, 6, 1, 4], [3]]


def test_a_group_is_its_sample_s_with_streams_of_its_own():
    for group in flat(rolled()):
        assert group.sample == SAMPLES[group.index][1]
        assert group.seed == question_seed(5, group.index)
        assert [a.text for a in group.answers] == [
            f"{group.sample.image} {group.sample.question} {group.seed} {n}" for n in range(3)
        ]
        assert [a.tokens for a in group.answers] == [(0,), (1,), (2,)]
        assert [a.finished for a in group.answers] == [False, True, True]
        assert {a.logprobs for a in group.answers} == {(-1.5,)}
        assert (group.model, group.sampling) == ("telling", SAMPLING)


def test_a_group_is_the_same_whatever_else_is_asked():
    whole = {g.index: g for g in flat(rolled())}
    for some in (SAMPLES[4:], SAMPLES[::-1], SAMPLES[2:3]):
        for together in (1, 4, 100):
            for group in flat(rolled(some, together=together)):
                assert group == whole[group.index]


def test_seeds_are_known_and_apart():
    """The values are those of now: other ones would make other rollouts of the same command."""
    assert question_seed(0, 0) == 7689419447139100721
    seeds = {question_seed(seed, index) for seed in range(50) for index in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_bad_picture_is_skipped_with_its_samples_and_why():
    skipped: list[tuple[int, str]] = []
    groups = flat(rolled(skip=lambda one, reason: skipped.append((one[0], reason))))
    assert sorted(g.index for g in groups) == [0, 1, 2, 3, 4, 6]
    assert skipped == [(5, "d: not a picture")]


@pytest.mark.parametrize("place", range(5))
def test_a_question_that_is_refused_leaves_the_others_be(place):
    names = ["a q0", "a q1", "b q2", "c q3", "c q4"]
    expected = {g.index: g for g in flat(rolled(made(*names)))}
    names[place] += "!"
    skipped: list[tuple[int, str]] = []
    groups = flat(rolled(made(*names), skip=lambda one, reason: skipped.append((one[0], reason))))
    assert {g.index: g for g in groups} == {i: g for i, g in expected.items() if i != place}
    assert skipped == [(place, "no such thing is answered")]


def test_a_sampler_that_fails_ends_the_rollout():
    class Gone(Telling):
        def sample(self, *_):
            raise ModelError("server gone")

    with pytest.raises(ModelError, match="server gone"):
        rolled(sampler=Gone())


def test_what_is_asked_may_be_another_thing_than_the_question_and_groups_are_scored():
    def score(group: RolloutGroup) -> RolloutGroup:
        answers = tuple(a.model_copy(update={"reward": 0.5}) for a in group.answers)
        return group.model_copy(update={"answers": answers})

    groups = flat(rolled(ask=lambda s: f"{s.question}, please", score=score))
    assert all(", please" in a.text and a.reward == 0.5 for g in groups for a in g.answers)
    assert all(g.sample.question == SAMPLES[g.index][1].question for g in groups)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_shards_have_every_sample_once_and_a_picture_in_one_of_them(count):
    shards = [shard_of(SAMPLES, index, count) for index in range(1, count + 1)]
    assert sorted(one[0] for shard in shards for one in shard) == list(range(len(SAMPLES)))
    pictures = [{image for image, _ in by_picture(shard)} for shard in shards]
    assert sum(map(len, pictures)) == 4
