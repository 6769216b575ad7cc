"""Block masks for CUDA tell the same tale as the segments that a CPU runs, which are the oracle.

torch runs the forward pass of flex_attention on a CPU too, uncompiled; a backward pass it has on CUDA only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_mask

from finesight.errors import ModelError
from finesight.model.attention import sight
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model, save_model
from finesight.model.protocol import Request
from finesight.model.tree import Branch, Layout, Tree, lay_out, visible
from finesight.model.vision import VisionInput

# That it is uncompiled, torch finds worth a warning.
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "finesight_nano")


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, build_tiny: Callable[[str], LoadedModel]) -> list[LoadedModel]:
    """The same model attending by segments, and by block masks."""
    models = [build_tiny(request.param), build_tiny(request.param)]
    models[1].family = type(models[1].family)(models[1].family.model, "flex").eval()
    assert [model.attention for model in models] == ["sdpa", "flex"]
    return models


def forest(model: LoadedModel, seen: Sequence[VisionInput]) -> Layout:
    """Two rows of unlike lengths: two trees end to end, one of whose questions has two answers; and one tree."""
    question = list(range(300, 309))
    hung = [
        [Branch([*question, 310, 311], 9), Branch.asked(question[:4], [[320, 321, 322], [323]])],
        [Branch([*question[:2], 330], 2)],
        [Branch([*question, 340], 9), Branch([*question[2:], 341, 342], 7)],
    ]
    trees = []
    for picture, branches in zip(seen, hung, strict=True):
        prefix = model.prefix(picture)
        trees.append(Tree(prefix, model.family.prefix_positions(prefix, [picture.grid]), branches))
    return lay_out([trees[:2], trees[2:]])


def said(model: LoadedModel, layout: Layout, seen: Sequence[VisionInput]) -> Tensor:
    with torch.no_grad():
        read = model.family(layout, seen).read
    return read.log_softmax(-1).gather(-1, layout.targets[:, None])


def pictures(model: LoadedModel, make_noise: Callable[..., Any]) -> list[VisionInput]:
    return [model.images(make_noise(i, *size)) for i, size in enumerate(((120, 90), (60, 140), (90, 60)))]


def test_block_masks_say_what_segments_say(pair, make_noise):
    segments, blocks = pair
    seen = pictures(segments, make_noise)
    layout = forest(segments, seen)
    expected = said(segments, layout, seen)
    torch.testing.assert_close(said(blocks, layout, seen), expected, rtol=0, atol=1e-5)
    # And a mask that lets branches see each other would have shown.
    wrong = layout._replace(until=torch.full_like(layout.until, layout.until.shape[1]), forks=None)
    assert (said(blocks, wrong, seen) - expected).abs().max() > 0.1


def test_a_block_mask_is_the_mask_of_the_layout_column_by_column(tiny, make_noise):
    model = tiny("qwen2_5_vl")
    layout = forest(model, pictures(model, make_noise))
    mask = sight("flex", layout)["attention_mask"]
    batch, length = layout.until.shape
    drawn = create_mask(mask.mask_mod, batch, None, length, length, "cpu")
    assert torch.equal(drawn, visible(layout.until))
    assert 0 < int(drawn.sum()) < drawn.numel() / 2


def test_branches_that_do_not_see_each_other_are_blocks_that_are_skipped():
    """A picture and four questions of 256 tokens each: two blocks of 128 columns a segment."""
    prefix = list(range(256))
    branches = [Branch(prefix, 255) for _ in range(4)]
    tree = Tree(prefix, torch.arange(256).expand(3, -1), branches)
    mask = sight("flex", lay_out([[tree]]))["attention_mask"]
    itself, picture = 3, 4  # blocks up to the diagonal, and all of them
    seen = int(mask.kv_num_blocks.sum() + mask.full_kv_num_blocks.sum())
    assert seen == itself + 4 * (picture + itself)  # of the 55 up to the diagonal of the whole sequence


def test_answers_are_the_same_by_block_masks(pair, make_noise):
    """The prefix by a block mask, the steps behind it from the cache."""
    requests = [
        Request(make_noise(i, *s), ("What?", "Is it noisy?")) for i, s in enumerate(((120, 90), (60, 140)))
    ]
    by_segments, by_blocks = (TreeGenerator(model, max_new_tokens=6).generate(requests) for model in pair)
    assert [[c.text for c in group] for group in by_blocks] == [
        [c.text for c in group] for group in by_segments
    ]


def test_flex_on_a_cpu_is_refused_and_never_exchanged(tiny, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "model")
    with pytest.raises(ModelError, match=r"'flex' needs a CUDA device.*choose attention 'sdpa'"):
        load_model(tmp_path / "model", attention="flex")
