from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from finesight.model import load
from finesight.model.coordinates import Coordinates
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel
from finesight.model.protocol import Request
from finesight.schema.picture import Picture
from finesight.schema.taxonomy import DistortionType, Level

LENGTH = 10
QUESTIONS = (
    ("What?", "Which region of this picture is distorted most, and by what? Where is it?"),
    ("Where is it?",),
    ("Noise?", "Level?", "What distortion affects this region?"),
)
SIZES = ((120, 90), (60, 140), (90, 60))


@pytest.fixture
def requests(make_noise: Callable[..., Picture]) -> list[Request]:
    """Three pictures of different grids with questions of different lengths."""
    return [Request(make_noise(i, *s), q) for i, (s, q) in enumerate(zip(SIZES, QUESTIONS, strict=True))]


def row_of(model: LoadedModel, picture: Picture, prompt: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A question as transformers alone would be given it."""
    seen = model.images(picture)
    merge = model.family.model.config.vision_config.spatial_merge_size
    asked = model.tokenizer(prompt + model.chat.tail, add_special_tokens=False)["input_ids"]
    row = torch.tensor([model.chat.prefix(int(seen.grid.prod()) // merge**2) + asked])
    return row, {"pixel_values": seen.pixel_values, "image_grid_thw": seen.grid[None]}


def kinds(model: LoadedModel, row: torch.Tensor) -> torch.Tensor:
    return (row == model.family.image_token_id).int()


@contextmanager
def favouring(model: LoadedModel, tokens: list[int], strength: float) -> Iterator[None]:
    """A head that adds `strength` to the logits of some tokens."""

    def add(_module: object, _inputs: object, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.clone()
        logits[..., tokens] += strength
        return logits

    handle = model.family.model.lm_head.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def test_answers_are_those_of_transformers_token_for_token(model, requests):
    got = TreeGenerator(model, max_new_tokens=LENGTH).generate(requests)
    for request, completions in zip(requests, got, strict=True):
        for prompt, completion in zip(request.prompts, completions, strict=True):
            row, image = row_of(model, request.picture, prompt)
            out = model.family.model.generate(
                input_ids=row,
                attention_mask=torch.ones_like(row),
                mm_token_type_ids=kinds(model, row),
                max_new_tokens=LENGTH,
                do_sample=False,
                suppress_tokens=sorted(set(model.family.vision_ids)),
                **image,
            )
            assert completion.text == model.tokenizer.decode(out[0, row.shape[1] :])


def test_an_answer_does_not_depend_on_what_else_is_asked(model, requests):
    together = TreeGenerator(model, max_new_tokens=LENGTH).generate(requests)
    few = TreeGenerator(model, max_new_tokens=LENGTH, rows=2).generate(list(reversed(requests)))[::-1]
    alone = TreeGenerator(model, max_new_tokens=LENGTH)
    for request, completions, others in zip(requests, together, few, strict=True):
        assert [c.text for c in completions] == [c.text for c in others]
        for prompt, completion in zip(request.prompts, completions, strict=True):
            ((single,),) = alone.generate([Request(request.picture, (prompt,))])
            assert single.text == completion.text
            assert single.logprobs == pytest.approx(completion.logprobs, abs=1e-4)


def test_log_probabilities_are_those_of_a_pass_over_the_finished_answer(model, requests):
    (completions,) = TreeGenerator(model, max_new_tokens=LENGTH).generate(requests[:1])
    for prompt, completion in zip(requests[0].prompts, completions, strict=True):
        row, image = row_of(model, requests[0].picture, prompt)
        answer = model.tokenizer(completion.text, add_special_tokens=False)["input_ids"]
        if len(answer) != len(completion.logprobs):
            continue  # random answers may be spelt with other tokens than those they came as
        full = torch.cat([row, torch.tensor([answer])], dim=1)
        with torch.no_grad():
            logits = model.family.model(input_ids=full, mm_token_type_ids=kinds(model, full), **image).logits
        logits[..., model.family.vision_ids] = -torch.inf
        said = logits[0, row.shape[1] - 1 : -1].log_softmax(-1)
        expected = said.gather(-1, torch.tensor(answer)[:, None]).squeeze(-1)
        assert completion.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_start_of_every_token_is_told(model, requests):
    for completion in TreeGenerator(model, max_new_tokens=LENGTH).generate(requests[:1])[0]:
        assert len(completion.starts) == len(completion.logprobs) == LENGTH
        assert completion.starts[0] == 0
        assert list(completion.starts) == sorted(completion.starts)
        assert completion.starts[-1] <= len(completion.text)


def test_tokens_that_stand_for_pictures_are_never_said(model, requests):
    names = {model.tokenizer.convert_ids_to_tokens(i) for i in model.family.vision_ids}
    assert names == {"<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"}
    with favouring(model, model.family.vision_ids, 1e4):
        got = TreeGenerator(model, max_new_tokens=4).generate(requests)
    assert not any(name in c.text for completions in got for c in completions for name in names)
    assert all(p > -torch.inf for completions in got for c in completions for p in c.logprobs)


def test_the_end_token_ends_an_answer_and_is_part_of_it(model, requests):
    with favouring(model, [model.chat.end_id], 1e4):
        got = TreeGenerator(model, max_new_tokens=LENGTH).generate(requests)
    assert {c.text for completions in got for c in completions} == {"<|im_end|>"}
    assert {len(c.logprobs) for completions in got for c in completions} == {1}


def test_answers_end_each_at_its_own_time(model, requests, monkeypatch):
    free = [
        model.family.model.generate(
            input_ids=row,
            attention_mask=torch.ones_like(row),
            mm_token_type_ids=kinds(model, row),
            max_new_tokens=LENGTH,
            do_sample=False,
            suppress_tokens=sorted(set(model.family.vision_ids)),
            **image,
        )[0, row.shape[1] :].tolist()
        for request in requests
        for row, image in (row_of(model, request.picture, prompt) for prompt in request.prompts)
    ]
    # Any token will do as the end: each answer is then what it was without one, cut behind the first.
    for end in {answer[place] for answer, place in zip(free, (1, 3, 5, 7), strict=False)}:
        monkeypatch.setattr(model, "chat", replace(model.chat, end_id=end))
        got = [c for cs in TreeGenerator(model, max_new_tokens=LENGTH).generate(requests) for c in cs]
        cut = [answer[: answer.index(end) + 1] if end in answer else answer for answer in free]
        assert len({len(answer) for answer in cut}) > 1
        assert [c.text for c in got] == [model.tokenizer.decode(ids) for ids in cut]
        assert [len(c.logprobs) for c in got] == [len(ids) for ids in cut]


@pytest.mark.parametrize("length", [1, 3])
def test_no_answer_is_longer_than_allowed(tiny, requests, length):
    got = TreeGenerator(tiny("qwen2_5_vl"), max_new_tokens=length).generate(requests)
    assert {len(c.logprobs) for completions in got for c in completions} == {length}


@pytest.mark.parametrize("questions", [1, 5])
def test_work_on_a_picture_is_done_once_however_much_is_asked(model, make_noise, monkeypatch, questions):
    pictures = [make_noise(i, *size) for i, size in enumerate(SIZES)]
    passes: list[int] = []
    seen = type(model.family).features

    def counted(family, inputs):
        passes.append(len(inputs))
        return seen(family, inputs)

    monkeypatch.setattr(type(model.family), "features", counted)
    generator = TreeGenerator(model, max_new_tokens=2)
    generator.generate([Request(p, ("What?",) * questions) for p in pictures])
    prefixes = [row_of(model, p, "")[0].shape[1] for p in pictures]
    tail = len(model.tokenizer(model.chat.tail, add_special_tokens=False)["input_ids"])
    assert generator.vision_passes == sum(passes) == len(pictures)
    assert generator.prefix_tokens == sum(prefixes) - tail * len(pictures)


def test_the_level_said_last_comes_with_the_probabilities_of_all_five(model, requests):
    words = {
        level: model.tokenizer(f" {level.value}", add_special_tokens=False)["input_ids"] for level in Level
    }
    assert all(len(ids) == 1 for ids in words.values())
    for level in (Level.BAD, Level.GOOD):
        with favouring(model, words[level], 1e4):
            (completions, *_) = TreeGenerator(model, max_new_tokens=2).generate(requests)
        for completion in completions:
            assert completion.levels is not None
            assert sum(completion.levels) == pytest.approx(1.0)
            if not model.family.dense:  # the word is forced here, the head is not
                assert completion.levels.index(max(completion.levels)) == level.rank - 1
    five = [ids[0] for ids in words.values()]
    with favouring(model, five, -1e4):
        (completions, *_) = TreeGenerator(model, max_new_tokens=2).generate(requests)
    assert [c.levels for c in completions] == [None] * len(completions)


def test_level_probabilities_are_the_softmax_over_the_five_words(tiny, requests):
    model = tiny("qwen2_5_vl")
    five = [model.tokenizer(f" {level.value}", add_special_tokens=False)["input_ids"][0] for level in Level]
    with favouring(model, five, 1e3):
        ((completion,),) = TreeGenerator(model, max_new_tokens=1).generate([requests[1]])
        row, image = row_of(model, requests[1].picture, requests[1].prompts[0])
        with torch.no_grad():
            logits = model.family.model(input_ids=row, mm_token_type_ids=kinds(model, row), **image).logits[
                0, -1
            ]
    assert completion.levels == pytest.approx(logits[five].softmax(-1).tolist(), abs=1e-5)


def test_a_nano_grades_and_suspects_by_its_dense_head_picture_by_picture(tiny, requests):
    model = tiny("finesight_nano")
    word = model.tokenizer(" good", add_special_tokens=False)["input_ids"]
    with favouring(model, word, 1e4):
        answers = TreeGenerator(model, max_new_tokens=2).generate(requests)
    seen = []
    for request, completions in zip(requests, answers, strict=True):
        with torch.no_grad():
            view = model.family.look(model.family.features([model.see(request.picture)]))
        seen.append(view.glance(0, view.presence.shape[1]).levels)
        for completion in completions:
            assert completion.levels == pytest.approx(seen[-1], abs=1e-4)
            assert [f.type for f in completion.suspected] == list(DistortionType)
            sure = [f.confidence for f in completion.suspected]
            assert sure == pytest.approx(view.types[0].sigmoid().tolist(), abs=1e-4)
    assert len({tuple(levels) for levels in seen}) == len({request.picture.path for request in requests})


def test_requests_without_prompts_and_no_requests_at_all_are_answered_with_nothing(tiny, requests):
    generator = TreeGenerator(tiny("finesight_nano"), max_new_tokens=2)
    assert generator.generate([]) == []
    empty = Request(requests[0].picture, ())
    assert generator.generate([empty]) == [[]]
    mixed = generator.generate([empty, requests[1], empty])
    assert [len(completions) for completions in mixed] == [0, 1, 0]


def test_a_model_that_speaks_pixels_is_asked_and_read_in_its_own_coordinates(tiny, requests, monkeypatch):
    model = tiny("qwen2_5_vl")
    pixels = model.description.model_copy(update={"coordinates": Coordinates.PIXELS})
    monkeypatch.setattr(model, "description", pixels)
    picture = requests[0].picture
    seen = model.images(picture)
    box = "<|box_start|>(0,500),(500,1000)<|box_end|>"
    halves = f"<|box_start|>(0,{seen.height // 2}),({seen.width // 2},{seen.height})<|box_end|>"
    asked: list[str] = []
    plain = load.encode_all
    monkeypatch.setattr(load, "encode_all", lambda t, texts: asked.extend(texts) or plain(t, texts))
    generator = TreeGenerator(model, max_new_tokens=1)
    monkeypatch.setattr(model.tokenizer, "decode", lambda ids: f"Noise {halves}.")
    ((completion,),) = generator.generate([Request(picture, (f"What is in {box}?",))])
    assert asked[-1] == f"What is in {halves}?{model.chat.tail}"
    assert completion.text == f"Noise {box}."
    assert completion.starts == ()
