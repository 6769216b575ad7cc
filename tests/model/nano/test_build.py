from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from finesight.model.generate import TreeGenerator
from finesight.model.load import load_model, save_model
from finesight.model.nano.build import NanoSize, build_nano
from finesight.model.nano.projector import NUMBER_FEATURES, number_features
from finesight.model.nano.tokenizer import number_ids
from finesight.model.nano.trunk import pretrained_trunk_state
from finesight.model.protocol import Request

SMALL = NanoSize(width=96, layers=1, heads=2, encoder_layers=1, min_pixels=56 * 56, max_pixels=112 * 112)


def weights(model):
    return dict(model.family.named_parameters()) | dict(model.family.named_buffers())


def test_the_same_seed_makes_the_same_weights_and_another_one_others(tokenizer):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, other = (weights(build_nano(SMALL, tokenizer, seed)) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    moved = {name for name in first if not torch.equal(first[name], other[name])}
    assert moved == {
        name for name, p in first.items() if p.ndim > 1 and ".trunk." not in name and "norm" not in name
    } | {name for name in moved if name.endswith("bias")}


def test_the_pretrained_trunk_is_in_place_and_stays_there(tokenizer, tmp_path):
    built = build_nano(SMALL, tokenizer)
    save_model(built, tmp_path / "nano")
    for model in (built, load_model(tmp_path / "nano")):
        state = model.family.model.model.visual.trunk.state_dict()
        published = pretrained_trunk_state()
        assert state.keys() == published.keys()
        assert all(torch.equal(state[name], published[name]) for name in state)


def test_near_numbers_begin_near_each_other(tokenizer):
    table = build_nano(SMALL, tokenizer).family.model.model.language_model.embed_tokens.weight
    ids = number_ids(tokenizer)
    ordered = table[[ids[n] for n in range(1001)]].detach()
    similar = torch.nn.functional.cosine_similarity
    by_distance = [float(similar(ordered[:-d], ordered[d:]).mean()) for d in (1, 3, 10, 40)]
    assert by_distance == sorted(by_distance, reverse=True)
    assert by_distance[0] > by_distance[-1] + 0.2


def test_a_picture_takes_one_token_a_cell(tokenizer, make_noise):
    model = build_nano(SMALL, tokenizer)
    seen = model.images(make_noise(0, 112, 84))
    (features,) = model.family.features([seen])
    tokens = model.family.tokens([features])
    assert tokens.tokens.shape == (4 * 3, SMALL.width)
    assert len(model.images(make_noise(0, 1120, 840)).pixel_values) <= 16


def test_an_untrained_nano_answers_something(tokenizer, make_noise):
    generator = TreeGenerator(build_nano(SMALL, tokenizer), max_new_tokens=3)
    ((completion,),) = generator.generate([Request(make_noise(0), ("What?",))])
    assert 1 <= len(completion.logprobs) <= 3


def test_the_default_size_is_a_few_million_weights_and_a_frozen_trunk(tokenizer):
    model = build_nano(NanoSize(), tokenizer).family.model
    trunk = sum(p.numel() for p in model.model.visual.trunk.parameters())
    assert 2.5e6 < sum(p.numel() for p in model.parameters()) < 4.5e6
    assert 0.6e6 < trunk < 0.8e6


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"width": 100}, "width"),
        ({"depth": 3}, "depth"),
        ({"heads": 0}, "heads"),
        ({"heads": 5}, "5 heads"),
        ({"heads": 6}, "6 heads"),
        ({"width": 64}, "width"),
        ({"layers": 0}, "layers"),
        ({"encoder_layers": -1}, "encoder_layers"),
        ({"min_pixels": 10**6}, "larger than max_pixels"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        NanoSize(**fields)


def test_the_smallest_heads_still_turn_by_time_height_and_width(tokenizer):
    tiny = build_nano(NanoSize(width=96, layers=1, heads=2, encoder_layers=0), tokenizer)
    sections = tiny.family.model.config.text_config.rope_parameters["mrope_section"]
    assert (len(sections), sum(sections)) == (3, 24)
    assert min(sections) > 0


def test_the_pointer_begins_as_one_that_copies_the_number_of_a_note(tokenizer):
    text = build_nano(NanoSize(), tokenizer).family.model.model.language_model
    pointer, ids = text.layers[-1], number_ids(tokenizer)
    values = torch.tensor([0.0, 0.137, 0.5, 0.803, 1.0])
    notes = torch.zeros(5, 192)
    notes[:, -NUMBER_FEATURES:] = number_features(values)
    with torch.no_grad():
        copied = torch.nn.functional.linear(notes, pointer.v_proj.weight)
        alike = pointer.o_proj(copied) @ text.embed_tokens.weight[[ids[n] for n in range(1001)]].T
    assert (alike.argmax(-1) - values * 1000).abs().max() <= 15


def test_a_head_of_every_ordinary_layer_begins_by_looking_near(tokenizer):
    text = build_nano(NanoSize(), tokenizer).family.model.model.language_model
    tokens = torch.randn(1, 60, 192, generator=torch.Generator().manual_seed(3)) / 192**0.5
    text.set_attn_implementation("eager")
    with torch.no_grad():
        seen = text(inputs_embeds=tokens, output_attentions=True).attentions
    for layer, weights in enumerate(seen):
        near, others = weights[0, 0, -1, -6:].sum(), weights[0, 1:, -1, -6:].sum(-1).max()
        assert near > 0.5, layer
        assert near > others, layer
