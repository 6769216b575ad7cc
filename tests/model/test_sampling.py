"""Answers that are sampled, in trees: held to passes of transformers over rows, and to the stream of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from finesight.errors import ModelError
from finesight.model.coordinates import Coordinates
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model
from finesight.model.protocol import Completion, Request
from finesight.model.tree import Branch, Tree, lay_out
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")
QUESTIONS = (
    ("What?", "Which region of this picture is distorted most, and by what? Where is it?"),
    ("Where is it?",),
    ("Noise?", "Level?", "What distortion affects this region?"),
)
SIZES = ((120, 90), (60, 140), (90, 60))
SEEDS = ((11, 12), (13,), (14, 15, 16))
LENGTH = 8

Answers = list[list[list[Completion]]]


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, tiny: Callable[[str], LoadedModel]) -> LoadedModel:
    """The tiny model of every family in turn."""
    return tiny(request.param)


@pytest.fixture
def requests(make_noise: Callable[..., Picture]) -> list[Request]:
    """Three pictures of different grids with questions of different lengths."""
    return [Request(make_noise(i, *s), q) for i, (s, q) in enumerate(zip(SIZES, QUESTIONS, strict=True))]


def sampled(
    model: LoadedModel, requests: list[Request], rows: int = 32, seeds=SEEDS, **how: object
) -> Answers:
    sampling = Sampling(**{"samples": 4, "max_new_tokens": LENGTH} | how)
    return TreeGenerator(model, rows=rows).sample(requests, sampling, seeds)


def flat(answers: Answers) -> list[Completion]:
    return [one for prompts in answers for some in prompts for one in some]


def tokens(answers: Answers) -> list[tuple[int, ...]]:
    return [one.tokens for one in flat(answers)]


@contextmanager
def changed_logits(model: LoadedModel, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """A head whose logits are changed."""
    handle = model.family.model.lm_head.register_forward_hook(lambda _m, _i, logits: change(logits.clone()))
    try:
        yield
    finally:
        handle.remove()


def favouring(model: LoadedModel, ids: list[int], strength: float):
    def change(logits: torch.Tensor) -> torch.Tensor:
        logits[..., ids] += strength
        return logits

    return changed_logits(model, change)


def ending(model: LoadedModel, token: int, share: float):
    """A model that says a token with a probability of `share` wherever it is, and its end token never."""

    def change(logits: torch.Tensor) -> torch.Tensor:
        logits[..., [token, model.chat.end_id, *model.vision_ids]] = -torch.inf
        logits[..., token] = logits.logsumexp(-1) + np.log(share / (1 - share))
        return logits

    return changed_logits(model, change)


def plain_logits(model: LoadedModel, request: Request) -> torch.Tensor:
    """Logits behind the first question of a request by transformers' own pass over its row."""
    seen = model.images(request.picture)
    row = torch.tensor([[*model.prefix(seen), *model.ask(request.prompts[:1])[0]]])
    given = {"input_ids": row, "pixel_values": seen.pixel_values}
    if model.name != "internvl":
        kinds = (row == model.family.image_token_id).int()
        given |= {"mm_token_type_ids": kinds, "image_grid_thw": seen.grid[None]}
    with torch.no_grad():
        logits = model.family.model(**given).logits[0, -1]
    logits[model.vision_ids] = -torch.inf
    return logits


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (1.6, 0.8)])
def test_first_tokens_come_as_often_as_the_model_alone_says(model, requests, temperature, top_p):
    """Chi-square at p = .001 over tokens likeliest first, as many together as are to come 20 times."""
    count = 600
    how = {"samples": count, "temperature": temperature, "top_p": top_p, "max_new_tokens": 1}
    with changed_logits(model, lambda logits: 0.3 * logits):
        ((drawn,),) = sampled(model, requests[1:2], rows=count, seeds=[[1]], **how)
        said = (plain_logits(model, requests[1]).double() / temperature).softmax(-1).numpy()
    order = np.argsort(-said)
    kept = order[: np.searchsorted(np.cumsum(said[order]), top_p) + 1]
    expected = np.zeros_like(said)
    expected[kept] = said[kept] / said[kept].sum() * count
    observed = np.bincount([c.tokens[0] for c in drawn], minlength=len(said))
    assert not observed[expected == 0].any()
    bins = np.unique(np.cumsum(expected[kept]) // 20, return_inverse=True)[1]
    wanted, found = (np.bincount(bins, weights=x[kept]) for x in (expected, observed))
    assert len(wanted) > 8
    assert ((found - wanted) ** 2 / wanted).sum() < chi2.ppf(0.999, len(wanted) - 1)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probabilities_are_those_of_the_pass_that_trains_on_the_answers(model, requests, temperature):
    # Long enough for the room of an answer to grow.
    answers = sampled(model, requests, samples=2, temperature=temperature, top_p=0.9, max_new_tokens=40)
    seen = [model.images(request.picture) for request in requests]
    trees = []
    for request, picture, prompts in zip(requests, seen, answers, strict=True):
        prefix = model.prefix(picture)
        branches = [
            Branch.asked(question, [list(c.tokens) for c in some])
            for question, some in zip(model.ask(request.prompts), prompts, strict=True)
        ]
        trees.append(Tree(prefix, model.family.prefix_positions(prefix, [picture.grid]), branches))
    layout = lay_out([trees])
    with torch.no_grad():
        logits = model.family(layout, seen).read
    logits[:, model.vision_ids] = -torch.inf
    said = (logits / temperature).log_softmax(-1).gather(-1, layout.targets[:, None]).squeeze(1)
    kept = torch.tensor([p for c in flat(answers) for p in c.logprobs])
    torch.testing.assert_close(kept, said, rtol=3e-6, atol=1e-5)


def test_an_answer_hangs_on_its_own_stream_alone(model, requests):
    together = sampled(model, requests)
    assert len(set(tokens(together))) > 12
    assert tokens(sampled(model, requests, rows=3)) == tokens(together)
    assert tokens(sampled(model, requests[::-1], seeds=SEEDS[::-1])[::-1]) == tokens(together)
    alone = sampled(model, [Request(requests[2].picture, QUESTIONS[2][1:2])], seeds=[[15]], samples=2)
    assert tokens(alone) == [c.tokens for c in together[2][1][:2]]
    other = sampled(model, requests, seeds=[[s + 100 for s in own] for own in SEEDS])
    assert not set(tokens(other)) & set(tokens(together))


def test_at_temperature_zero_all_samples_are_the_greedy_answer(model, requests):
    greedy = TreeGenerator(model, max_new_tokens=LENGTH).generate(requests)
    answers = sampled(model, requests, samples=2, temperature=0)
    for prompts, completions in zip(answers, greedy, strict=True):
        for some, one in zip(prompts, completions, strict=True):
            assert [c.tokens for c in some] == [one.tokens] * 2
            assert some[0].logprobs == pytest.approx(one.logprobs, abs=1e-4)


def test_tokens_that_stand_for_pictures_are_never_drawn(model, requests):
    with favouring(model, model.vision_ids, 1e4):
        answers = sampled(model, requests, max_new_tokens=3)
    assert not {token for ids in tokens(answers) for token in ids} & set(model.vision_ids)
    assert all(-50 < p <= 0 for c in flat(answers) for p in c.logprobs)


def test_an_answer_is_its_tokens_and_says_whether_it_came_to_its_end(model, requests):
    end = 300
    model = replace(model, chat=replace(model.chat, end_id=end))
    with ending(model, end, 0.2):
        answers = flat(sampled(model, requests))
    assert {c.finished for c in answers} == {True, False}
    for c in answers:
        assert c.finished == (c.tokens[-1] == end)
        assert c.finished or len(c.tokens) == LENGTH
        assert end not in c.tokens[:-1]
        assert len(c.tokens) == len(c.logprobs)
        assert c.text == model.tokenizer.decode(list(c.tokens))


def test_answers_that_have_ended_leave_the_batch_and_change_nothing_for_the_others(model, requests):
    end = 300
    with ending(model, end, 0.08):
        free = tokens(sampled(model, requests, max_new_tokens=12))
        model = replace(model, chat=replace(model.chat, end_id=end))
        with counting(model) as batches:
            answers = tokens(sampled(model, requests, max_new_tokens=12))
    assert {len(ids) for ids in free} == {12}
    assert answers == [ids[: ids.index(end) + 1] if end in ids else ids for ids in free]
    rows = [rows for rows, columns in batches if columns == 1]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < rows[0]
    going = [sum(len(ids) > step + 1 for ids in answers) for step in range(len(rows))]
    assert all(n <= size <= n / 0.9 for n, size in zip(going, rows, strict=True))
    assert going != rows  # a few that have ended are carried along for a while


@contextmanager
def counting(model: LoadedModel) -> Iterator[list[tuple[int, int]]]:
    """(rows, columns) of every pass of the decoder."""
    passes: list[tuple[int, int]] = []
    handle = model.family.model.model.language_model.register_forward_pre_hook(
        lambda _, args, given: passes.append(tuple(given["inputs_embeds"].shape[:2])), with_kwargs=True
    )
    try:
        yield passes
    finally:
        handle.remove()


@pytest.mark.parametrize("samples", [1, 8])
def test_pictures_and_questions_are_worked_on_once_however_much_is_sampled(model, requests, samples):
    generator = TreeGenerator(model, rows=5)
    with counting(model) as passes:
        generator.sample(requests, Sampling(samples=samples, max_new_tokens=3), SEEDS)
    assert generator.vision_passes == len(requests)
    prefixes = sum(len(model.prefix(model.images(r.picture))) for r in requests)
    questions = sum(len(ids) for r in requests for ids in model.ask(r.prompts))
    assert generator.prefix_tokens == prefixes
    assert generator.question_tokens == questions
    first = [rows * columns for rows, columns in passes if columns > 1]
    assert prefixes + questions <= sum(first) <= 1.3 * (prefixes + questions)  # padding
    assert max(rows for rows, columns in passes if columns == 1) <= 5


def test_features_that_were_kept_do_not_pass_the_tower_again(model, requests, monkeypatch):
    expected = tokens(sampled(model, requests))
    pixels = [r._replace(picture=model.images(r.picture)) for r in requests]
    assert tokens(sampled(model, pixels)) == expected
    with torch.no_grad():
        kept = [r._replace(picture=model.family.features([r.picture])[0]) for r in pixels]
    monkeypatch.setattr(type(model.family), "features", None)
    generator = TreeGenerator(model)
    answers = generator.sample(kept, Sampling(samples=4, max_new_tokens=LENGTH), SEEDS)
    assert tokens(answers) == expected
    assert generator.vision_passes == 0


def test_kept_features_are_refused_by_a_model_that_speaks_pixels(tiny, requests):
    model = tiny("qwen2_5_vl")
    speaking = model.description.model_copy(update={"coordinates": Coordinates.PIXELS})
    model = replace(model, description=speaking)
    pixels = model.images(requests[1].picture)
    assert sampled(model, [Request(pixels, ("Where?",))], seeds=[[1]])
    with torch.no_grad():
        kept = model.family.features([pixels])[0]
    with pytest.raises(ModelError, match="speaks pixels, and kept features do not tell the size"):
        sampled(model, [Request(kept, ("Where?",))], seeds=[[1]])


def test_a_model_in_training_rests_while_it_answers(build_tiny, requests):
    """Without dropout, and without computing layers again, for which a cache would be no use."""
    model = build_tiny("qwen2_5_vl")
    expected = tokens(sampled(model, requests))
    model.family.train()
    model.family.model.activation_checkpointing_enable()
    for layer in model.family.model.model.language_model.layers:
        layer.self_attn.attention_dropout = 0.5
    assert tokens(sampled(model, requests)) == expected
    assert all(module.training for module in model.family.modules())


def test_a_model_without_an_adapter_samples_in_rows(llava: Path, make_noise):
    with pytest.warns(UserWarning, match="no adapter"):
        model = load_model(llava)
    requests = [Request(make_noise(i), q) for i, q in enumerate(QUESTIONS)]
    answers = sampled(model, requests)
    assert tokens(sampled(model, requests[::-1], seeds=SEEDS[::-1])[::-1]) == tokens(answers)
    assert len(set(tokens(answers))) == len(flat(answers))
    for request, prompts in zip(requests, answers, strict=True):
        seen = model.images(request.picture)
        for asked, some in zip(model.ask(request.prompts), prompts, strict=True):
            for c in some:
                row = torch.tensor([[*model.prefix(seen), *asked, *c.tokens]])
                with torch.no_grad():
                    logits = model.family.model(input_ids=row, pixel_values=seen.pixel_values).logits[0]
                logits[:, model.vision_ids] = -torch.inf
                said = logits[-len(c.tokens) - 1 : -1].log_softmax(-1)
                expected = said.gather(-1, torch.tensor(c.tokens)[:, None]).squeeze(1)
                assert c.logprobs == pytest.approx(expected.tolist(), abs=1e-5)
