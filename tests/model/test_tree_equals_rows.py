"""The law of the tree: every branch says and teaches what it would in a row of its own.

The opponent is transformers' own forward pass over separate rows, in which nothing is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from finesight.model.load import LoadedModel
from finesight.model.tree import Branch, Layout, Tree, lay_out
from finesight.model.vision import VisionInput

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")
SIZES = ((120, 90), (60, 140), (90, 60))


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, tiny: Callable[[str], LoadedModel]) -> LoadedModel:
    """The tiny model of every family in turn."""
    return tiny(request.param)


@pytest.fixture
def see(model: LoadedModel, make_noise: Callable[..., Any]) -> Callable[..., list[VisionInput]]:
    """`see(count, first=0)`: pictures that differ in content and shape."""
    return lambda count, first=0: [
        model.images(make_noise(first + i, *SIZES[(first + i) % 3])) for i in range(count)
    ]


def plant(model: LoadedModel, seen: Sequence[VisionInput], branches: list[Branch]) -> Tree:
    """A tree behind any number of pictures, each between the head and the neck of the chat."""
    prefix: list[int] = [] if seen else [*model.chat.head, *model.chat.neck]
    for picture in seen:
        prefix += [*model.chat.head, *model.family.image_ids(picture), *model.chat.neck]
    return Tree(prefix, model.family.prefix_positions(prefix, [s.grid for s in seen]), branches)


def ragged(count: int) -> list[Branch]:
    """Branches of unlike lengths, every second question shared by two answers."""
    made = []
    for n in range(count):
        question = [300 + (7 * n + i) % 90 for i in range(2 + 3 * (n % 3))]
        answers = [
            [310 + (5 * n + 11 * a + i) % 90 for i in range(1 + (n + a) % 4)] for a in range(1 + n % 2)
        ]
        made.append(
            Branch.asked(question, answers) if n % 2 else Branch([*question, *answers[0]], len(question))
        )
    return made


def rows_of(tree: Tree) -> list[tuple[list[int], int]]:
    """Every answer with all that stands above it, and how many of its last tokens are the answer."""
    rows = []
    for branch in tree.branches:
        if branch.answer_from < len(branch.ids):
            rows.append(([*tree.prefix, *branch.ids], len(branch.ids) - branch.answer_from))
        rows += [([*tree.prefix, *branch.ids, *fork.ids], len(fork.ids)) for fork in branch.forks]
    return rows


def plain(model: LoadedModel, seen: Sequence[VisionInput], ids: list[int], answer: int) -> Tensor:
    """Log-probabilities of the last tokens of a row through transformers alone."""
    row = torch.tensor([ids])
    given: dict[str, Any] = {"input_ids": row}
    if seen:
        given["pixel_values"] = torch.cat([s.pixel_values for s in seen])
    if model.name != "internvl":
        kinds = (row == model.family.image_token_id).int()
        given |= {"attention_mask": torch.ones_like(row), "mm_token_type_ids": kinds}
        given |= {"image_grid_thw": torch.stack([s.grid for s in seen])} if seen else {}
    logits = model.family.model(**given).logits[0]
    return chosen(logits[-answer - 1 : -1], row[0, -answer:])


def chosen(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1)


def in_trees(model: LoadedModel, layout: Layout, seen: Sequence[VisionInput]) -> Tensor:
    return chosen(model.family(layout, seen).read, layout.targets)


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("pictures", [0, 1, 3])
def test_log_probabilities_are_those_of_rows(model, see, count, pictures):
    seen, other = see(pictures), see(1, first=4)
    grown = [plant(model, seen, ragged(count)), plant(model, other, ragged(2))]
    with torch.no_grad():
        expected = torch.cat(
            [
                plain(model, s, *row)
                for s, tree in zip((seen, other), grown, strict=True)
                for row in rows_of(tree)
            ]
        )
        for rows in ([grown], [[tree] for tree in grown]):
            found = in_trees(model, lay_out(rows), [*seen, *other])
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_positions_are_those_of_the_whole_row(model, see, pictures):
    """As transformers itself gives them to pictures of unlike shapes with text between; InternVL counts tokens."""
    seen = see(pictures)
    tree = plant(model, seen, ragged(4))
    layout = lay_out([[plant(model, see(1, first=4), ragged(2)), tree]])
    before = layout.ids.shape[1] - tree.length
    for ids, _ in rows_of(tree):
        row = torch.tensor([ids])
        expected = torch.arange(len(ids)).expand(3, -1)
        if model.name != "internvl":
            kinds = (row == model.family.image_token_id).int()
            grids = torch.stack([s.grid for s in seen])
            expected = model.family.model.model.get_rope_index(
                row, mm_token_type_ids=kinds, image_grid_thw=grids
            )[0][:, 0]
        columns = columns_of(layout, before, ids)
        assert torch.equal(layout.positions[:, 0, columns], expected)


def columns_of(layout: Layout, start: int, ids: list[int]) -> Tensor:
    """Where a row of its own stands in the last tree of a layout: what its last token sees."""
    length = layout.ids.shape[1]
    for last in range(start, length):
        columns = torch.arange(start, last + 1)
        columns = columns[last < layout.until[0, start : last + 1]]
        if layout.ids[0, columns].tolist() == ids:
            return columns
    raise AssertionError("the row is nowhere in the tree")


@pytest.mark.parametrize("again", [False, True])
def test_gradients_are_those_of_rows(tiny, build_tiny, make_noise, again):
    """With layers computed again in the backward pass and without."""
    for kind in KINDS:
        model = build_tiny(kind, 1)
        model.family.train()
        seen = [model.images(make_noise(i, *SIZES[i])) for i in range(2)]
        grown = [plant(model, seen[:1], ragged(4)), plant(model, seen[1:], ragged(3))]
        rows = [(s, row) for s, tree in zip(seen, grown, strict=True) for row in rows_of(tree)]
        torch.cat([plain(model, [s], *row) for s, row in rows]).sum().backward()
        expected = {n: p.grad for n, p in model.family.named_parameters() if p.grad is not None}
        model.family.zero_grad(set_to_none=True)
        if again:
            model.family.model.activation_checkpointing_enable()
        in_trees(model, lay_out([grown]), seen).sum().backward()
        found = {n: p.grad for n, p in model.family.named_parameters() if p.grad is not None}
        assert found.keys() == expected.keys()
        assert any("visual" in n or "vision_tower" in n for n in found)
        for name, gradient in expected.items():
            error = (found[name] - gradient).norm() / gradient.norm().clamp_min(1e-4)
            assert error <= 1e-4, (kind, name, float(error))


def test_another_branch_and_another_picture_change_nothing_elsewhere(model, see):
    seen = see(2)
    branches = ragged(3)
    swapped = [branches[0], Branch(branches[2].ids[::-1], branches[2].answer_from), branches[2]]
    pairs = [
        lay_out([[plant(model, seen[:1], [b[0], b[1], b[2]]), plant(model, seen[1:], ragged(2))]])
        for b in ([branches[0], branches[2], branches[2]], swapped)
    ]
    with torch.no_grad():
        had, has = (in_trees(model, layout, seen) for layout in pairs)
        repainted = in_trees(model, pairs[0], [see(1, first=6)[0], seen[1]])
    changed = pairs[0].owner == 1
    assert torch.equal(had[~changed], has[~changed])
    assert not torch.equal(had[changed], has[changed])
    own = pairs[0].tree == 0
    torch.testing.assert_close(had[~own], repainted[~own], rtol=0, atol=1e-6)
    assert (had[own] - repainted[own]).abs().max() > 0.1


def seeing_all(layout: Layout) -> Layout:
    """A wrong mask: branches see the branches before them."""
    return layout._replace(until=torch.full_like(layout.until, layout.until.shape[1]), forks=None)


def running_on(layout: Layout) -> Layout:
    """Wrong positions: a branch goes on where the one before it ended."""
    length = layout.ids.shape[1]
    return layout._replace(positions=torch.arange(length).expand(3, len(layout.ids), length))


@pytest.mark.parametrize("spoil", [seeing_all, running_on])
def test_a_wrong_layout_is_told_apart(model, see, spoil):
    seen = see(1)
    layout = lay_out([[plant(model, seen, ragged(6))]])
    with torch.no_grad():
        right, wrong = in_trees(model, layout, seen), in_trees(model, spoil(layout), seen)
    assert (right - wrong).abs().max() > 0.1


def test_a_mask_of_all_columns_and_the_segments_say_the_same(model, see):
    seen = see(2)
    layout = lay_out([[plant(model, seen[:1], ragged(5)), plant(model, seen[1:], ragged(2))]])
    with torch.no_grad():
        segments = in_trees(model, layout, seen)
        masked = in_trees(model, layout._replace(forks=None), seen)
    torch.testing.assert_close(segments, masked, rtol=0, atol=1e-5)


def test_a_step_is_one_pass_of_the_tower_and_no_token_twice(model, see, monkeypatch):
    seen = see(2)
    grown = [plant(model, [s], ragged(4)) for s in seen]
    layout = lay_out([grown])
    passes, tokens = [], []
    language = model.family.model.model.language_model
    hooks = [
        model.family.tower.register_forward_hook(lambda *_: passes.append(1)),
        language.register_forward_pre_hook(
            lambda _, args, given: tokens.append(given["inputs_embeds"].shape[:2]), with_kwargs=True
        ),
    ]
    if model.name == "internvl":  # its tower is a list of two modules, called one by one
        hooks.append(model.family.model.model.vision_tower.register_forward_hook(lambda *_: passes.append(1)))
    with torch.no_grad():
        model.family(layout, seen)
    for hook in hooks:
        hook.remove()
    pictures = len(seen) if model.family.dense else 1  # the trunk takes them one by one
    assert len(passes) == pictures
    length = sum(len(tree.prefix) + sum(b.length for b in tree.branches) for tree in grown)
    assert tokens == [torch.Size([1, length])]
