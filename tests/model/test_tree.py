from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from finesight.model.load import LoadedModel
from finesight.model.tree import Branch, Layout, Tree, lay_out, visible
from finesight.model.vision import VisionInput
from finesight.schema.picture import Picture

ANSWERS = (
    "Severe noise.",
    "No.",
    "Thus, the quality of the image is poor, bad or excellent.",
    "(1,20),(300,1000)",
    "fair",
)
SIZES = ((120, 90), (60, 140), (90, 60))


@pytest.fixture
def pictures(make_noise: Callable[..., Picture]) -> list[Picture]:
    """Three pictures whose grids differ, none of them square."""
    return [make_noise(i, *size) for i, size in enumerate(SIZES)]


def branch(model: LoadedModel, question: str, answer: str) -> Branch:
    asked = model.tokenizer(question + model.chat.tail, add_special_tokens=False)["input_ids"]
    said = model.tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Branch([*asked, *said, model.chat.end_id], len(asked))


def branches(model: LoadedModel, count: int, shift: int = 0) -> list[Branch]:
    """Branches of unlike lengths."""
    return [
        branch(model, "Where is it? " * (1 + i % 3), ANSWERS[(i + shift) % len(ANSWERS)])
        for i in range(count)
    ]


def prefix_of(model: LoadedModel, seen: VisionInput) -> list[int]:
    merge = model.family.model.config.vision_config.spatial_merge_size
    return model.chat.prefix(int(seen.grid.prod()) // merge**2)


def trees(model: LoadedModel, seen: Sequence[VisionInput], hung: Sequence[list[Branch]]) -> list[Tree]:
    prefixes = [prefix_of(model, s) for s in seen]
    return [
        Tree(prefix, model.family.prefix_positions(prefix, [s.grid]), list(b))
        for prefix, s, b in zip(prefixes, seen, hung, strict=True)
    ]


def of_targets(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1)


def in_trees(model: LoadedModel, seen: Sequence[VisionInput], layout: Layout) -> Tensor:
    """Log-probabilities of the answer tokens, all branches of all pictures in one pass."""
    answers = model.family(layout, model.family.features(seen))
    return of_targets(answers.read, layout.targets)


def in_rows(model: LoadedModel, seen: VisionInput, one: Branch) -> Tensor:
    """The same of one branch in a row of its own, through transformers' whole forward pass."""
    row = torch.tensor([prefix_of(model, seen) + one.ids])
    logits = model.family.model(
        input_ids=row,
        attention_mask=torch.ones_like(row),
        pixel_values=seen.pixel_values,
        image_grid_thw=seen.grid[None],
        mm_token_type_ids=(row == model.family.image_token_id).int(),
    ).logits[0]
    answer = len(one.ids) - one.answer_from
    return of_targets(logits[-answer - 1 : -1], row[0, -answer:])


def trainable(model: LoadedModel) -> dict[str, Any]:
    """nano's trunk is frozen by its own forward pass; everything else has a gradient."""
    return {n: p for n, p in model.family.named_parameters() if ".trunk." not in n}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_branch_in_a_tree_has_the_log_probabilities_of_a_row(model, pictures, count):
    seen = [model.images(p) for p in pictures]
    hung = [branches(model, count, i) for i in range(len(seen))]
    with torch.no_grad():
        got = in_trees(model, seen, lay_out([trees(model, seen, hung)]))
        expected = torch.cat([in_rows(model, s, b) for s, bs in zip(seen, hung, strict=True) for b in bs])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


def test_a_tree_has_the_gradients_of_its_rows(model, pictures):
    seen = [model.images(p) for p in pictures[:2]]
    hung = [branches(model, 3), branches(model, 2, 2)]
    parameters = trainable(model)
    layout = lay_out([trees(model, seen, hung)])
    weights = torch.rand(len(layout.targets), generator=torch.Generator().manual_seed(1))
    together = (in_trees(model, seen, layout) * weights).sum()
    apart = torch.cat([in_rows(model, s, b) for s, bs in zip(seen, hung, strict=True) for b in bs])
    got = torch.autograd.grad(together, list(parameters.values()), allow_unused=True)
    expected = torch.autograd.grad((apart * weights).sum(), list(parameters.values()), allow_unused=True)
    for name, mine, theirs in zip(parameters, got, expected, strict=True):
        assert (mine is None) == (theirs is None), name
        if mine is not None and theirs is not None:
            error = (mine - theirs).norm() / theirs.norm().clamp_min(1e-6)
            assert error <= 1e-4, (name, float(error))


def test_changing_one_branch_leaves_the_others_as_they_are(model, pictures):
    seen = [model.images(pictures[0])]
    mine = branches(model, 3)
    other = [mine[0], branch(model, "Why is it? Why is it? ", ANSWERS[3]), mine[2]]
    before, after = (lay_out([trees(model, seen, [hung])]) for hung in (mine, other))
    with torch.no_grad():
        had, has = in_trees(model, seen, before), in_trees(model, seen, after)
    for number in (0, 2):
        # Not bit for bit: the sequence has another length, for which the kernels may sum in another order.
        torch.testing.assert_close(had[before.owner == number], has[after.owner == number], rtol=0, atol=1e-6)
    assert not torch.equal(had[before.owner == 1], has[after.owner == 1][: int((before.owner == 1).sum())])


def test_other_words_of_the_same_length_change_nothing_elsewhere_bit_for_bit(model, pictures):
    seen = [model.images(pictures[0])]
    mine = branches(model, 3)
    words = [mine[1].ids[0], *reversed(mine[1].ids[1:])]
    other = [mine[0], Branch(words, mine[1].answer_from), mine[2]]
    before, after = (lay_out([trees(model, seen, [hung])]) for hung in (mine, other))
    with torch.no_grad():
        had, has = in_trees(model, seen, before), in_trees(model, seen, after)
    for number in (0, 2):
        assert torch.equal(had[before.owner == number], has[after.owner == number])
    assert not torch.equal(had[before.owner == 1], has[after.owner == 1])


def test_changing_one_picture_moves_its_own_tree_only(model, pictures, make_noise):
    seen = [model.images(p) for p in pictures[:2]]
    changed = [seen[0], model.images(make_noise(9, *SIZES[1]))]
    layout = lay_out([trees(model, seen, [branches(model, 2), branches(model, 3)])])
    with torch.no_grad():
        had, has = in_trees(model, seen, layout), in_trees(model, changed, layout)
    own = layout.owner >= 2
    torch.testing.assert_close(had[~own], has[~own], rtol=0, atol=1e-6)
    assert (had[own] - has[own]).abs().max() > 0.1


def full_sight(layout: Layout) -> Layout:
    """A wrong mask: branches see the branches before them."""
    return layout._replace(until=torch.full_like(layout.until, layout.until.shape[1]), forks=None)


def running_on(layout: Layout) -> Layout:
    """Wrong positions: a branch goes on where the one before it ended."""
    length = layout.ids.shape[1]
    return layout._replace(positions=torch.arange(length).expand(3, len(layout.ids), length))


@pytest.mark.parametrize("spoil", [full_sight, running_on])
def test_a_wrong_layout_is_told_apart(model, pictures, spoil):
    seen = [model.images(pictures[0])]
    layout = lay_out([trees(model, seen, [branches(model, 3)])])
    with torch.no_grad():
        right, wrong = in_trees(model, seen, layout), in_trees(model, seen, spoil(layout))
    assert (right - wrong).abs().max() > 0.1


@pytest.mark.parametrize("size", [(120, 90), (60, 140), (300, 30)])
def test_positions_are_those_of_the_whole_row(model, make_noise, size):
    seen = model.images(make_noise(0, *size))
    (tree,) = trees(model, [seen], [branches(model, 3)])
    layout = lay_out([[tree]])
    start = len(tree.prefix)
    for one in tree.branches:
        row = torch.tensor([tree.prefix + one.ids])
        kinds = (row == model.family.image_token_id).int()
        expected, _ = model.family.model.model.get_rope_index(
            row, mm_token_type_ids=kinds, image_grid_thw=seen.grid[None]
        )
        assert torch.equal(layout.positions[:, 0, : len(tree.prefix)], expected[:, 0, : len(tree.prefix)])
        assert torch.equal(
            layout.positions[:, 0, start : start + len(one.ids)], expected[:, 0, len(tree.prefix) :]
        )
        start += len(one.ids)


def test_a_token_sees_its_prefix_and_its_own_branch_up_to_itself():
    tree = Tree([5, 5], torch.arange(2).expand(3, 2), [Branch([1, 2, 3], 1), Branch([4, 6], 1)])
    short = Tree([5], torch.zeros(3, 1, dtype=torch.long), [Branch([1, 2], 1)])
    layout = lay_out([[tree], [short]], padding_id=9)
    drawn = ["".join(".x"[int(v)] for v in row) for row in visible(layout.until)[0, 0]]
    assert drawn == ["x......", "xx.....", "xxx....", "xxxx...", "xxxxx..", "xx...x.", "xx...xx"]
    # Padding sees itself alone: nothing else sees it, and no row of the mask is empty.
    drawn = ["".join(".x"[int(v)] for v in row) for row in visible(layout.until)[1, 0]]
    assert drawn == ["x......", "xx.....", "xxx....", "...x...", "....x..", ".....x.", "......x"]
    assert layout.ids.tolist() == [[5, 5, 1, 2, 3, 4, 6], [5, 1, 2, 9, 9, 9, 9]]
    assert layout.positions[0].tolist() == [[0, 1, 2, 3, 4, 2, 3], [0, 1, 2, 0, 0, 0, 0]]
    assert layout.predictors.tolist() == [[0, 0, 0, 1], [2, 3, 5, 1]]
    assert layout.targets.tolist() == [2, 3, 6, 2]
    assert layout.owner.tolist() == [0, 0, 1, 2]
    assert layout.tree.tolist() == [0, 0, 0, 1]


def test_trees_end_to_end_in_a_row_need_no_padding_and_do_not_see_each_other():
    tree = Tree([5, 5], torch.arange(2).expand(3, 2), [Branch([1, 2, 3], 1)])
    short = Tree([6], torch.zeros(3, 1, dtype=torch.long), [Branch([1, 2], 1)])
    layout = lay_out([[tree, short]])
    drawn = ["".join(".x"[int(v)] for v in row) for row in visible(layout.until)[0, 0]]
    assert drawn == [
        "x.......",
        "xx......",
        "xxx.....",
        "xxxx....",
        "xxxxx...",
        ".....x..",
        ".....xx.",
        ".....xxx",
    ]
    assert layout.ids.tolist() == [[5, 5, 1, 2, 3, 6, 1, 2]]
    assert layout.positions[0].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert layout.tree.tolist() == [0, 0, 1]


def test_rows_of_several_trees_say_what_each_tree_says_alone(model, pictures):
    seen = [model.images(p) for p in pictures]
    hung = [branches(model, 1 + i, i) for i in range(3)]
    grown = trees(model, seen, hung)
    with torch.no_grad():
        together = in_trees(model, seen, lay_out([grown]))
        padded = in_trees(model, seen, lay_out([grown[:2], grown[2:]]))
        alone = [in_trees(model, [s], lay_out([[tree]])) for s, tree in zip(seen, grown, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)
    torch.testing.assert_close(padded, torch.cat(alone), rtol=0, atol=1e-5)
