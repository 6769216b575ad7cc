"""The tree of a group against rows of its own: log-probabilities, gradients, work."""

from __future__ import annotations

import pytest
import torch

from finesight.train.grpo import begin
from finesight.train.passes import Ready
from finesight.train.policy.groups import Lesson

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")


def lessons_of(session, pictures=2, size=3, seed=0):
    """Lessons with ragged answers to the first questions of some pictures."""
    random = torch.Generator().manual_seed(seed)
    plain = torch.tensor(sorted(set(range(5, 200)) - set(session.bench.model.vision_ids)))
    found = []
    for example in session.pool.examples[:pictures]:
        for question in example.tokens[:2]:
            lengths = torch.randint(1, 7, (size,), generator=random).tolist()
            answers = tuple(
                tuple(plain[torch.randint(len(plain), (n,), generator=random)].tolist()) for n in lengths
            )
            advantages = tuple(torch.randn(size, generator=random).tolist())
            found.append(Lesson(example.path, tuple(question.tolist()), answers, advantages, ((),) * size))
    return found


def gradients(session, lessons, tokens_per_pass=None):
    """Loss, numbers and gradients of one update."""
    learner = session.learner
    if tokens_per_pass:
        learner.config = learner.config.model_copy(update={"tokens_per_pass": tokens_per_pass})
    learner.module.train()
    batch = learner.batch(lessons, session.pool.prefixes)
    told = learner.gradients(batch)
    named = {n: p.grad.clone() for n, p in learner.module.named_parameters() if p.grad is not None}
    learner.module.zero_grad(set_to_none=True)
    learner.config = session.config
    return told, named, batch


def alike(one, other, tolerance=1e-4):
    assert one.keys() == other.keys()
    largest = max(g.norm().item() for g in one.values())
    for name, gradient in one.items():
        difference = (gradient - other[name]).norm().item()
        assert difference <= tolerance * max(gradient.norm().item(), 1e-3 * largest), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [2, 8])
def test_a_tree_of_answers_gives_the_gradient_of_separate_rows(grpo_for, tmp_path, family, size):
    session = begin(grpo_for(tmp_path, family, frozen=["vision"]))
    lessons = lessons_of(session, size=size)
    told, tree, _ = gradients(session, lessons)
    rows = [lesson.part(slice(n, n + 1)) for lesson in lessons for n in range(size)]
    # A pass that holds no more than one answer: picture and question are laid out anew for each.
    longest = max(session.pool.prefixes[r.picture] + len(r.question) + len(r.answers[0]) for r in rows)
    apart, alone, batch = gradients(session, rows, longest)
    assert sum(len(t.lessons) for p in batch.passes for t in p) == len(rows)
    assert all(len(t.tokens) == 1 for p in batch.passes for t in p)
    assert told["loss"] == pytest.approx(apart["loss"], rel=1e-5, abs=1e-6)
    assert told["entropy"] == pytest.approx(apart["entropy"], rel=1e-5)
    alike(tree, alone)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_splitting_a_step_into_passes_changes_nothing(grpo_for, tmp_path, checkpointing):
    session = begin(grpo_for(tmp_path, "qwen2_5_vl", gradient_checkpointing=checkpointing))
    lessons = lessons_of(session, pictures=3, size=4)
    whole = gradients(session, lessons)
    split = gradients(session, lessons, 200)
    assert len(split[2].passes) > len(whole[2].passes)
    assert whole[0] == pytest.approx(split[0], rel=1e-5, abs=1e-6)
    alike(whole[1], split[1])


def test_the_order_of_groups_changes_nothing(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path))
    lessons = lessons_of(session, pictures=3)
    alike(gradients(session, lessons)[1], gradients(session, lessons[::-1])[1])


@pytest.mark.parametrize("normalise", ["grpo", "dapo", "dr_grpo"])
def test_every_normalisation_is_one_of_the_step_and_not_of_its_passes(grpo_for, tmp_path, normalise):
    session = begin(grpo_for(tmp_path, objective={"normalise": normalise}))
    lessons = lessons_of(session, pictures=3, size=4)
    alike(gradients(session, lessons)[1], gradients(session, lessons, 120)[1])


def test_on_policy_the_first_ratio_is_exactly_one_and_later_ones_are_not(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path, updates=2, learning_rate=0.01))
    learner, bench = session.learner, session.bench
    bench.module.train()
    batch = learner.batch(lessons_of(session), session.pool.prefixes)
    ratios = []
    for _ in range(2):
        told = learner.gradients(batch)
        with torch.no_grad():
            now = torch.cat([read[:, 0] for read in learner.logprobs(batch)])
        ratios.append((now - torch.cat([batch.old[n] for n in range(len(batch.passes))])).exp())
        for group in bench.optimizer.param_groups:
            group["lr"] = 0.01
        bench.update(1.0)
    # exp(x - x) has no rounding.
    assert told["clip_fraction"] >= 0
    assert (ratios[0] - 1).abs().max() < 1e-6
    assert (ratios[1] - 1).abs().max() > 1e-3


def test_the_loss_of_a_first_update_is_that_of_advantages_alone(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path))
    lessons = lessons_of(session)
    told, _, _ = gradients(session, lessons)
    pairs = [(a, len(t)) for le in lessons for a, t in zip(le.advantages, le.answers, strict=True)]
    wanted = -sum(a * n for a, n in pairs) / sum(n for _, n in pairs)
    assert told["loss"] == pytest.approx(wanted, abs=1e-6)
    assert told["clip_fraction"] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_log_probabilities_are_those_of_training(grpo_for, tmp_path, family):
    session = begin(grpo_for(tmp_path, family, sampling={"temperature": 0.8}))
    collected = session.collector.collect(session.pool.examples, session.pool.order, 1, (0, 0))
    assert collected.lessons
    batch = session.learner.batch(collected.lessons, session.pool.prefixes)
    reads = session.learner.logprobs(batch)
    for items, read in zip(batch.passes, reads, strict=True):
        told = [p for tree in items for lesson in tree.lessons for some in lesson.drawn for p in some]
        assert torch.allclose(read[:, 0].double(), torch.tensor(told).double(), atol=2e-5)


def test_the_work_of_an_update_is_one_picture_and_one_question_each(grpo_for, tmp_path, monkeypatch):
    """Tokens of the decoder: one prefix a picture, one question a group, and the answers."""
    session = begin(grpo_for(tmp_path, "qwen2_5_vl", frozen=["vision", "projector"]))
    lessons = lessons_of(session, pictures=2, size=8)
    family, tokens, looks = session.bench.model.family, [], []
    hidden, features = family.hidden, family.features

    def counted(ids, *rest, **named):
        tokens.append(ids.numel())
        return hidden(ids, *rest, **named)

    monkeypatch.setattr(family, "hidden", counted)
    monkeypatch.setattr(family, "features", lambda seen: looks.append(len(seen)) or features(seen))
    gradients(session, lessons)
    pictures = {lesson.picture for lesson in lessons}
    expected = sum(session.pool.prefixes[p] for p in pictures) + sum(
        len(lesson.question) + sum(map(len, lesson.answers)) for lesson in lessons
    )
    assert sum(tokens) == expected
    assert not looks  # kept since the pictures were looked through


def test_a_pass_without_items_runs_another_tree_without_weight(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path))
    lessons = lessons_of(session, pictures=1)
    told, tree, batch = gradients(session, lessons)
    batch = batch._replace(passes=[*batch.passes, []], ready={}, old={}, reference={})
    more = session.learner.gradients(batch)
    named = {n: p.grad for n, p in session.learner.module.named_parameters() if p.grad is not None}
    assert more == pytest.approx(told)
    alike(tree, named)
    assert isinstance(batch.ready[len(batch.passes) - 1], Ready)


def test_a_layout_numbers_answers_as_lessons_do(grpo_for, tmp_path):
    session = begin(grpo_for(tmp_path))
    lessons = lessons_of(session)
    batch = session.learner.batch(lessons, session.pool.prefixes)
    ((trees,),) = [batch.passes]
    ready = session.learner._readable.of(trees)
    layout = session.learner._layout(ready)
    counted = torch.bincount(layout.owner).tolist()
    assert counted == [len(a) for tree in trees for lesson in tree.lessons for a in lesson.answers]
    assert layout.targets.tolist() == [
        token for tree in trees for lesson in tree.lessons for a in lesson.answers for token in a
    ]
