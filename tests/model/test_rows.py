"""A model without an adapter is run in rows of its own: the slow way, said aloud, and right. LLaVA stands for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from finesight.errors import ModelError
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model, save_model
from finesight.model.protocol import Request
from finesight.model.tree import Branch, Tree, lay_out
from finesight.model.vision import VisionInput

ALOUD = "no adapter for family 'llava', every answer is run in a row of its own"


@pytest.fixture
def model(llava: Path) -> LoadedModel:
    with pytest.warns(UserWarning, match=ALOUD):
        return load_model(llava)


@pytest.fixture
def seen(model: LoadedModel, make_noise: Callable[..., Any]) -> list[VisionInput]:
    return [model.images(make_noise(i, *size)) for i, size in enumerate(((120, 90), (60, 140)))]


def plant(model: LoadedModel, picture: VisionInput, branches: list[Branch]) -> Tree:
    prefix = model.prefix(picture)
    return Tree(prefix, model.family.prefix_positions(prefix, [picture.grid]), branches)


BRANCHES = [
    Branch([300, 301, 302, 310, 311], 3),
    Branch.asked([303, 304], [[320, 321, 322], [323]]),
    Branch([305, 330], 1),
]
ROWS = [  # the same with all that stands above them, and how many of the last tokens are the answer
    ([300, 301, 302, 310, 311], 2),
    ([303, 304, 320, 321, 322], 3),
    ([303, 304, 323], 1),
    ([305, 330], 1),
]


def chosen(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1)


def plain(model: LoadedModel, picture: VisionInput, ids: list[int], answer: int) -> Tensor:
    """Through transformers alone."""
    row = torch.tensor([[*model.prefix(picture), *ids]])
    logits = model.family.model(input_ids=row, pixel_values=picture.pixel_values).logits[0]
    return chosen(logits[-answer - 1 : -1], row[0, -answer:])


def test_it_says_aloud_that_nothing_is_shared_and_names_no_other_back_end(llava, model):
    assert model.attention == "rows"
    with pytest.raises(ModelError, match="attention 'flex' needs"):
        load_model(llava, attention="flex")


def test_answers_of_trees_have_the_log_probabilities_and_gradients_of_rows(model, seen):
    layout = lay_out([[plant(model, seen[0], BRANCHES)], [plant(model, seen[1], BRANCHES[:1])]])
    found = chosen(model.family(layout, seen).read, layout.targets)
    wanted = [(seen[0], *row) for row in ROWS] + [(seen[1], *ROWS[0])]
    expected = torch.cat([plain(model, *one) for one in wanted])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    parameters = dict(model.family.named_parameters())
    sides = (
        torch.autograd.grad(side.sum(), list(parameters.values()), allow_unused=True)
        for side in (found, expected)
    )
    for name, mine, theirs in zip(parameters, *sides, strict=True):
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            assert (mine - theirs).norm() <= 1e-4 * theirs.norm().clamp_min(1e-4), name


def test_another_picture_is_another_answer(model, seen):
    layout = lay_out([[plant(model, seen[0], BRANCHES)]])
    with torch.no_grad():
        one, other = (model.family(layout, [picture]).read for picture in seen)
    assert (one - other).abs().max() > 0.1


def test_answers_are_those_of_transformers(model, make_noise):
    pictures = [make_noise(3), make_noise(4, 60, 140)]
    questions = ("What?", "Is it noisy?")
    found = TreeGenerator(model, max_new_tokens=5).generate([Request(p, questions) for p in pictures])
    for picture, completions in zip(pictures, found, strict=True):
        inputs = model.images(picture)
        for question, completion in zip(questions, completions, strict=True):
            (asked,) = model.ask([question])
            ids = torch.tensor([[*model.prefix(inputs), *asked]])
            out = model.family.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                pixel_values=inputs.pixel_values,
                max_new_tokens=5,
                do_sample=False,
                suppress_tokens=model.vision_ids,
                eos_token_id=model.chat.end_id,
            )
            assert completion.text == model.tokenizer.decode(out[0, ids.shape[1] :])


def test_a_folder_comes_back_with_its_processor(model, seen, make_noise, tmp_path):
    save_model(model, tmp_path / "saved")
    with pytest.warns(UserWarning, match=ALOUD):
        again = load_model(tmp_path / "saved")
    picture = again.images(make_noise(0, 120, 90))
    assert torch.equal(picture.pixel_values, seen[0].pixel_values)
    assert again.prefix(picture) == model.prefix(seen[0])
    assert again.chat == model.chat
