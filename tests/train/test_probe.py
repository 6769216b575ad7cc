from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from finesight.errors import ModelError
from finesight.model.coordinates import Coordinates
from finesight.model.generate import TreeGenerator
from finesight.model.protocol import Request
from finesight.model.server import ServerGenerator
from finesight.schema.rollout import Sampling
from finesight.train.probe import Probed, check, probe, score

DRAWN = Sampling(samples=2, temperature=0.7, max_new_tokens=6)


@pytest.fixture
def request_(make_noise) -> Request:
    return Request(make_noise(0, 120, 90), ("What distortion affects this region?", "Why?"))


def test_answers_are_scored_as_they_were_drawn(model, request_):
    (prompts,) = TreeGenerator(model).sample([request_], DRAWN, [[1, 2]])
    ours = score(model, request_, [[c.tokens for c in some] for some in prompts], DRAWN.temperature)
    assert ours.tolist() == pytest.approx([p for some in prompts for c in some for p in c.logprobs], abs=1e-4)


def test_of_a_model_without_an_adapter_too(tiny, make_noise, build_tiny):
    request = Request(make_noise(0), ("Why?",))
    model = build_tiny("internvl")
    (prompts,) = TreeGenerator(model).sample([request], DRAWN, [[1]])
    ours = score(model, request, [[c.tokens for c in prompts[0]]], DRAWN.temperature)
    assert ours.tolist() == pytest.approx([p for c in prompts[0] for p in c.logprobs], abs=1e-4)


def test_questions_are_put_in_the_coordinates_of_the_model(tiny, make_noise):
    model = tiny("qwen2_5_vl")
    pixels = replace(
        model, description=model.description.model_copy(update={"coordinates": Coordinates.PIXELS})
    )
    request = Request(make_noise(0), ("What is in <|box_start|>(0,500),(500,1000)<|box_end|>?",))
    (prompts,) = TreeGenerator(pixels).sample([request], DRAWN, [[1]])
    tokens = [[c.tokens for c in prompts[0]]]
    said = [p for c in prompts[0] for p in c.logprobs]
    assert score(pixels, request, tokens, 0.7).tolist() == pytest.approx(said, abs=1e-4)
    assert score(model, request, tokens, 0.7).tolist() != pytest.approx(said, abs=1e-2)


def test_scoring_leaves_a_model_in_training_as_it_was(build_tiny, request_):
    model = build_tiny("qwen2_5_vl")
    model.family.train()
    first = score(model, request_, [[(905, 906)], [(907,)]], 1.0)
    assert model.family.training
    assert first.tolist() == score(model, request_, [[(905, 906)], [(907,)]], 1.0).tolist()
    assert all(p.grad is None for p in model.family.parameters())


def test_a_server_of_the_same_weights_is_found_to_have_them(tiny, serving, request_):
    model = tiny("finesight_nano")
    probed = probe(ServerGenerator(serving(model)), model, [request_, request_], DRAWN)
    assert len(probed.tokens) == len(probed.theirs) == len(probed.ours)
    assert probed.difference < 1e-4
    check(probed, None, 0.05, "here")


def test_a_server_of_other_weights_is_found_out_and_by_how_much(tiny, build_tiny, serving, request_):
    probed = probe(ServerGenerator(serving(build_tiny("qwen2_5_vl", seed=1))), tiny("qwen2_5_vl"), [request_])
    with pytest.raises(
        ModelError, match=rf"^here: .*differ by {probed.difference:.4g} nats .* 0\.05 are allowed"
    ):
        check(probed, None, 0.05, "here")
    assert probed.difference > 1


def test_a_server_that_tells_log_probabilities_of_another_temperature_is_found_out(
    tiny, serving, request_, monkeypatch
):
    model = tiny("qwen2_5_vl")
    generator = ServerGenerator(serving(model))
    cold = DRAWN.model_copy(update={"temperature": 1.0})
    plain = generator.sample
    monkeypatch.setattr(generator, "sample", lambda requests, _, seeds: plain(requests, cold, seeds))
    with pytest.raises(ModelError, match="differ by"):
        check(probe(generator, model, [request_], DRAWN), None, 0.05, "here")


def test_a_server_that_tells_no_tokens_cannot_be_checked(tiny, stub, request_):
    answer = {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}
    stub.replies["/v1/chat/completions"] = (200, answer)
    with pytest.raises(ModelError, match="without tokens or log-probabilities"):
        probe(ServerGenerator(stub.url, "m", kind="openai"), tiny("qwen2_5_vl"), [request_])


def test_a_server_that_stands_still_while_the_model_moves_is_found_out():
    former = Probed((1, 2), (-1.001, -2.0), (-1.0, -2.0))
    for moved in (
        Probed((1, 2), (-1.001, -2.0), (-1.0, -2.0)),  # nothing has been learnt
        Probed((1, 2), (-1.001, -2.0), (-1.001, -2.0)),  # or next to nothing
        Probed((1, 2), (-1.021, -2.0), (-1.02, -2.0)),  # both have moved
        Probed((1, 3), (-1.001, -2.0), (-1.02, -2.0)),  # another answer
    ):
        check(moved, former, 0.05, "here")
    with pytest.raises(
        ModelError, match=r"^here: still answers with the former .* by 0\.0005 .* run by 0\.01;"
    ):
        check(Probed((1, 2), (-1.0, -2.0), (-1.02, -2.0)), former, 0.05, "here")


@pytest.mark.parametrize("wrong", [float("nan"), float("-inf")])
def test_what_is_no_number_is_no_agreement(wrong):
    with pytest.raises(ModelError, match="does not answer with the weights"):
        check(Probed((1,), (-1.0,), (wrong,)), None, 0.05, "here")


def test_the_difference_is_a_mean_over_tokens():
    probed = Probed((1, 2, 3, 4), (-1.0, -2.0, -3.0, -4.0), (-1.0, -2.5, -2.5, -4.0))
    assert (probed.difference, probed.largest) == (0.25, 0.5)


def test_the_pass_is_that_of_the_module_that_training_calls(tiny, request_):
    model = tiny("qwen2_5_vl")
    called: list[str] = []

    class Wrapped(torch.nn.Module):
        def forward(self, *args, **kwargs):
            called.append("forward")
            return model.family(*args, **kwargs)

    score(model, request_, [[(905,)], [(906,)]], 1.0, Wrapped())
    assert called == ["forward"]
