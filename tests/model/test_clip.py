"""Clips: what transformers alone makes of the same frames, in pixels, positions and answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from finesight.errors import ModelError
from finesight.model.diagnose import Diagnoser
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel
from finesight.model.protocol import Request
from finesight.model.resize import ResizePolicy
from finesight.model.tree import Branch, Tree, behind, lay_out
from finesight.model.vision import QwenImageInput
from finesight.schema.picture import Clip

TIMED = ("qwen2_vl", "qwen2_5_vl")


def clip(frames: int = 4, size: tuple[int, int] = (84, 56), seconds: float = 0.5) -> Clip:
    rng = np.random.default_rng(frames)
    pixels = tuple(rng.integers(0, 255, (size[1], size[0], 3), np.uint8) for _ in range(frames))
    return Clip("clip", pixels[0], "", frames=pixels, seconds=seconds)


def patches_of(frames: np.ndarray, patch: int, merge: int) -> np.ndarray:
    """Frames (2 T, 3, H, W) as Qwen2-VL's reference code cuts them (its video processor, written out)."""
    steps, height, width = len(frames) // 2, frames.shape[2] // patch, frames.shape[3] // patch
    cut = frames.reshape(steps, 2, 3, height // merge, merge, patch, width // merge, merge, patch).transpose(
        0, 3, 6, 4, 7, 2, 1, 5, 8
    )
    return cut.reshape(steps * height * width, 3 * 2 * patch * patch)


def test_pixels_are_those_of_the_reference_code() -> None:
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=10**6)
    shown = clip(4, (112, 84))
    seen = QwenImageInput(policy, {"patch_size": 14, "merge_size": 2})(shown)
    mean, std = (np.array(v)[:, None, None] for v in (seen_settings()))
    normal = np.stack([(frame.transpose(2, 0, 1) / 255 - mean) / std for frame in shown.frames])
    assert seen.grid.tolist() == [2, 6, 8]
    assert seen.pixel_values.numpy() == pytest.approx(patches_of(normal, 14, 2), abs=1e-5)
    assert seen.seconds == 1.0
    odd = QwenImageInput(policy, {"patch_size": 14, "merge_size": 2})(clip(3, (112, 84)))
    assert odd.grid.tolist() == [2, 6, 8]


def seen_settings() -> tuple[list[float], list[float]]:
    processor = QwenImageInput(ResizePolicy(), {}).processor
    return processor.image_mean, processor.image_std


def test_all_steps_together_are_bound_by_the_policy() -> None:
    policy = ResizePolicy(min_pixels=56 * 56, max_pixels=4 * 112 * 112)
    seen = QwenImageInput(policy, {"patch_size": 14, "merge_size": 2})(clip(8, (560, 560)))
    assert seen.grid[0] == 4
    assert seen.width * seen.height <= 112 * 112


@pytest.mark.parametrize("name", TIMED)
def test_a_tree_behind_a_clip_is_what_transformers_alone_makes(name: str, tiny) -> None:
    """The logits of a question behind a clip, against the whole model called with pixel_values_videos."""
    model: LoadedModel = tiny(name)
    seen = model.see(clip(12, seconds=3.0))
    prefix = model.prefix(seen)
    asked, answer = model.ask(["What is wrong?"])[0], model.answer(["Noise."])[0]
    family = model.family
    positions = family.prefix_positions(prefix, [seen.grid], [seen.seconds])
    branch = Branch((*asked, *answer), len(asked))
    layout = lay_out([[Tree(prefix, positions, [branch])]])
    with torch.no_grad():
        ours = family(layout, [seen]).read
    row = torch.tensor([[*prefix, *asked, *answer]])
    kinds = 2 * (row == model.family.model.config.video_token_id).int()
    given = {
        "pixel_values_videos": seen.pixel_values,
        "video_grid_thw": seen.grid[None],
        "mm_token_type_ids": kinds,
    }
    if name == "qwen2_5_vl":
        given["second_per_grid_ts"] = torch.tensor([seen.seconds])
    with torch.no_grad():
        theirs = family.model(input_ids=row, **given).logits[0]
    assert torch.allclose(ours, theirs[-len(answer) - 1 : -1], atol=2e-4)
    assert int((kinds == 2).sum()) == model.family.image_places(seen) > 6


def test_text_stands_behind_text_where_the_last_frames_are_further_away(tiny) -> None:
    model: LoadedModel = tiny("qwen2_5_vl")
    seen = model.see(clip(12, seconds=3.0))
    positions = model.family.prefix_positions(model.prefix(seen), [seen.grid], [seen.seconds])
    assert positions.max() > positions[0, -1]
    assert behind(positions) == positions[0, -1] + 1


def test_order_and_pace_of_frames_count(tiny) -> None:
    """The same frames the other way round, or further apart, are another clip."""
    model: LoadedModel = tiny("qwen2_5_vl")
    generator = TreeGenerator(model)
    shown = clip(4)
    others = [replace(shown, frames=shown.frames[::-1]), replace(shown, seconds=20.0), shown]
    first, *said = (
        generator.generate([Request(one, ("What is wrong?",))])[0][0].logprobs for one in (shown, *others)
    )
    assert said[2] == first
    assert said[0] != first
    assert said[1] != first


@pytest.mark.parametrize("name", ["finesight_nano", "qwen3_vl", "internvl"])
def test_a_model_that_sees_no_time_says_so(name: str, tiny) -> None:
    with pytest.raises(ModelError, match="sees pictures, not clips"):
        Diagnoser(TreeGenerator(tiny(name)), 28 * 28).diagnose([clip()])
