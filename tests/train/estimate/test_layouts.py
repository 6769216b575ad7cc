"""The work of each layout against what the model lays out, and its FLOPs against torch's own counter.

The counter sees plain attention, which multiplies every token of a sequence with every other one, so there
`attended` is the sum of the squared lengths; the real `attended` is held to the mask of the layout instead.
"""

from __future__ import annotations

from typing import Any

import pytest

from finesight.data.merge.workload import Asked, ChatTokens, PictureTokens, workloads
from finesight.schema.workload import Workload
from finesight.train.estimate import ModelSize, Recipe, flops, forward_flops

PATCHES = 128
"""Of the picture that `see` shows."""
CHAT = ChatTokens(head=4, neck=2, tail=3, end=1)
PICTURE = PictureTokens(
    image=PATCHES // 4,
    singles=(Asked(5, 9), Asked(7, 2), Asked(3, 12), Asked(6, 1)),
    merged=(Asked(17, 16, 2), Asked(12, 18, 2)),
)
PREFIX = CHAT.head + PICTURE.image + CHAT.neck
LAYOUTS = ("separate", "merge", "tree")


def rows(layout: str) -> list[tuple[Asked, ...]]:
    """The prompts that share a sequence."""
    if layout == "tree":
        return [tuple(PICTURE.singles)]
    return [(prompt,) for prompt in (PICTURE.singles if layout == "separate" else PICTURE.merged)]


def laid_out(prompts: tuple[Asked, ...]) -> Any:
    """The model's own layout of a picture with its prompts."""
    import torch

    from finesight.model.tree import Branch, Tree, lay_out

    branches = []
    for prompt in prompts:
        asked = prompt.question + CHAT.tail
        branches.append(Branch([1] * (asked + prompt.answer + CHAT.end), asked))
    positions = torch.arange(PREFIX).expand(3, PREFIX)
    return lay_out([[Tree([1] * PREFIX, positions, branches)]])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_work_is_what_the_model_lays_out(layout):
    from finesight.model.tree import visible

    work = workloads([PICTURE], CHAT)[layout]
    sequences = [laid_out(prompts) for prompts in rows(layout)]
    assert work.sequences == work.images == len(sequences)
    assert work.patches == PATCHES * len(sequences)
    assert work.tokens == sum(s.ids.numel() for s in sequences)
    assert work.attended == sum(int(visible(s.until).sum()) for s in sequences)
    assert work.answers == sum(s.targets.numel() for s in sequences)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_forward_and_training_of_each_layout_are_what_torch_counts(model, layout, counted, see):
    size = ModelSize.from_config(model.config.to_dict())
    sequences = [laid_out(prompts) for prompts in rows(layout)]
    squares = sum(s.ids.numel() ** 2 for s in sequences)
    work: Workload = workloads([PICTURE], CHAT)[layout].model_copy(update={"attended": squares})
    forward = counted(lambda: sum(run(model, s, see) for s in sequences))
    assert forward == pytest.approx(forward_flops(size, work).total, rel=0.02)
    trained = counted(lambda: sum(run(model, s, see) for s in sequences), backward=True)
    assert trained == pytest.approx(flops(size, work, Recipe()).total, rel=0.02)


def run(model: Any, laid: Any, see: Any) -> Any:
    """A picture through its frozen tower, its sequence through decoder and head."""
    import torch

    with torch.no_grad():
        seen = see(model).sum()
    length, flat = laid.ids.shape[1], model.config.model_type == "internvl"
    embedded = torch.randn(1, length, model.config.text_config.hidden_size, requires_grad=True)
    positions = torch.arange(length).expand((1, length) if flat else (3, 1, length))
    states = model.model.language_model(inputs_embeds=embedded, position_ids=positions, use_cache=False)
    return model.lm_head(states.last_hidden_state[tuple(laid.predictors)]).sum() + seen
