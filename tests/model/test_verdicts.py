"""Options judged where they end: found in any tokenizer, read in the pass there is, and weighed into letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model
from finesight.model.onnx.export import export_onnx
from finesight.model.onnx.run import OnnxGenerator
from finesight.model.protocol import Request
from finesight.model.tree import Branch, Tree, lay_out
from finesight.model.verdicts import pieces
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling
from finesight.text.prompts import assess_prompt, choice_prompt

OPTIONS = ("Motion blur", "Low clarity in the upper part of the image", "Noise", "Nothing at all")
CHOICE = choice_prompt("What is wrong?\nLook closely.", OPTIONS)
OTHERS = (assess_prompt(), "A. is a letter, and no option.")


def judging(model: LoadedModel) -> LoadedModel:
    return replace(model, description=model.description.model_copy(update={"verdicts": True}))


@pytest.fixture
def model(model: LoadedModel) -> LoadedModel:
    """Of each family in turn, one that was taught verdicts."""
    return judging(model)


@pytest.fixture
def slow(llava: Path) -> Iterator[LoadedModel]:
    """One without an adapter."""
    with pytest.warns(UserWarning, match="no adapter"):
        yield judging(load_model(llava))


def logits_of(model: LoadedModel, picture: Picture, prompt: str) -> tuple[Tensor, int]:
    """(L, V) of a question in a row of its own, by transformers alone; and where the question begins."""
    seen = model.images(picture)
    prefix = model.prefix(seen)
    row = torch.tensor([[*prefix, *model.ask([prompt])[0]]])
    given = {"input_ids": row, "pixel_values": seen.pixel_values}
    if model.family.model.config.model_type != "llava":
        kinds = (row == model.family.image_token_id).int()
        given |= {"image_grid_thw": seen.grid[None], "mm_token_type_ids": kinds}
    with torch.no_grad():
        return model.family.model(**given).logits[0], len(prefix)


def letters_of(model: LoadedModel, picture: Picture) -> Tensor:
    """(V,) log-probabilities of the first token of an answer to CHOICE, verdicts included, from their definition."""
    logits, start = logits_of(model, picture, CHOICE)
    first = logits[-1].clone()
    yes, no = (model.tokenizer.encode(f"{word}.")[0] for word in ("Yes", "No"))
    ids = model.ask([CHOICE])[0]
    for letter, option in zip("ABCD", OPTIONS, strict=True):
        line = f"{letter}. {option}"
        (end,) = [
            place
            for place in range(len(ids))
            if model.tokenizer.decode(ids[:place]).endswith(line)
            and model.tokenizer.decode(ids[place]).startswith("\n")
        ]
        first[model.tokenizer.encode(f"{letter}.")[0]] += logits[start + end, yes] - logits[start + end, no]
    first[model.vision_ids] = -torch.inf
    return first.log_softmax(-1)


def test_an_option_ends_at_the_token_of_its_line_break(model):
    ids = model.ask([CHOICE])[0]
    (places, *none) = model.option_places([CHOICE, *OTHERS])
    assert none == [(), ()]
    read = [model.tokenizer.decode(ids[:place]) for place in places]
    assert [text.rpartition("\n")[2] for text in read] == [
        f"{letter}. {option}" for letter, option in zip("ABCD", OPTIONS, strict=True)
    ]
    cut = list(pieces(ids, places))
    assert [i for piece in cut for i in piece] == ids
    assert [len(piece) for piece in cut[:-1]] == [b - a for a, b in zip((-1, *places), places, strict=False)]


def test_the_odds_of_an_option_are_added_to_its_letter(model, make_noise):
    holds(model, make_noise)


def test_they_are_so_without_an_adapter(slow, make_noise):
    holds(slow, make_noise)


def holds(model: LoadedModel, make_noise: Callable[..., Picture]) -> None:
    requests = [Request(make_noise(i, *s), (OTHERS[0], CHOICE)) for i, s in enumerate(((120, 90), (60, 140)))]
    plain = replace(model, description=model.description.model_copy(update={"verdicts": False}))
    for one, (other, choice), (same, without) in zip(
        requests,
        TreeGenerator(model, 3).generate(requests),
        TreeGenerator(plain, 3).generate(requests),
        strict=True,
    ):
        expected = letters_of(model, one.picture)
        assert choice.tokens[0] == int(expected.argmax())
        assert choice.logprobs[0] == pytest.approx(float(expected.max()), abs=1e-4)
        assert other.tokens == same.tokens
        bare = logits_of(model, one.picture, CHOICE)[0][-1]
        bare[model.vision_ids] = -torch.inf
        assert without.tokens[0] == int(bare.argmax())
        assert without.logprobs[0] == pytest.approx(float(bare.log_softmax(-1).max()), abs=1e-4)
        assert choice.logprobs[0] != pytest.approx(without.logprobs[0], abs=1e-4)


def test_what_is_drawn_is_drawn_by_the_letters_alone(model, make_noise):
    request = Request(make_noise(0, 120, 90), (CHOICE,))
    plain = replace(model, description=model.description.model_copy(update={"verdicts": False}))
    sampling = Sampling(samples=4, temperature=1.0, max_new_tokens=2)
    drawn, bare = (TreeGenerator(m).sample([request], sampling, [[3]]) for m in (model, plain))
    assert drawn == bare


def test_questions_are_read_once_all_the_same(model, make_noise):
    generator = TreeGenerator(model, 2)
    generator.generate([Request(make_noise(0, 120, 90), (CHOICE, OTHERS[0]))])
    assert generator.vision_passes == 1
    assert generator.question_tokens == sum(map(len, model.ask([CHOICE, OTHERS[0]])))


def test_graphs_judge_as_torch_does(
    tiny: Callable[[str], LoadedModel], make_noise: Callable[..., Picture], tmp_path: Path
):
    model = judging(tiny("finesight_nano"))
    export_onnx(model, tmp_path / "graphs")
    requests = [Request(make_noise(i, 120, 90), (CHOICE, *OTHERS)) for i in range(3)]
    ours, theirs = OnnxGenerator(tmp_path / "graphs", 4), TreeGenerator(model, 4)
    for mine, other in zip(ours.generate(requests), theirs.generate(requests), strict=True):
        assert [c.tokens for c in mine] == [c.tokens for c in other]
        assert mine[0].logprobs == pytest.approx(other[0].logprobs, abs=1e-3)


def test_what_is_told_besides_is_predicted_where_it_is_told(model, make_noise):
    picture = make_noise(0, 120, 90)
    logits, start = logits_of(model, picture, CHOICE)
    ids = model.ask([CHOICE])[0]
    seen = model.images(picture)
    prefix = model.prefix(seen)
    told = ((3, 300), (len(ids) - 2, 301))
    branches = [Branch([305, 306], 1), Branch([*ids, 310], len(ids), told=told)]
    tree = Tree(prefix, model.family.prefix_positions(prefix, [seen.grid]), branches)
    layout = lay_out([[tree]])
    assert layout.targets.tolist() == [306, 300, 301, 310]
    assert layout.told.tolist() == [False, True, True, False]
    assert layout.owner.tolist() == [0, 1, 1, 1]
    with torch.no_grad():
        read = model.family(layout, [seen]).read
    expected = logits[[start + 3, start + len(ids) - 2, start + len(ids) - 1]]
    torch.testing.assert_close(read[1:], expected, atol=2e-4, rtol=1e-4)
