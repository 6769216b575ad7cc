from __future__ import annotations

import pytest
import torch

from finesight.errors import ConfigError, ModelError
from finesight.model.generate import TreeGenerator
from finesight.model.load import save_model
from finesight.model.protocol import Request
from finesight.schema.rollout import Sampling
from finesight.train.remote import RemotePolicy

DRAWN = Sampling(samples=2, temperature=1.0, max_new_tokens=6)
PROBE = Sampling(samples=1, temperature=0, max_new_tokens=6)


@pytest.fixture
def requests(make_noise) -> list[Request]:
    return [Request(make_noise(n), ("Why?", "Noise?")[: 1 + n % 2]) for n in range(5)]


def test_a_policy_without_a_server_is_refused():
    with pytest.raises(ConfigError, match="servers: name at least one"):
        RemotePolicy(())


def test_pictures_are_shared_among_servers_and_answers_come_in_their_order(tiny, serving, requests):
    model = tiny("qwen2_5_vl")
    policy = RemotePolicy([serving(model), serving(model)])
    asked: list[list[str]] = []
    for generator in policy.generators:
        plain = generator.sample
        generator.sample = lambda some, *rest, plain=plain: (
            asked.append([r.picture.path for r in some]) or plain(some, *rest)
        )
    seeds = [list(range(10 * n, 10 * n + len(r.prompts))) for n, r in enumerate(requests)]
    got = policy.sample(requests, DRAWN, seeds)
    assert sorted(asked) == [["noise0.png", "noise2.png", "noise4.png"], ["noise1.png", "noise3.png"]]
    ours = TreeGenerator(model).sample(requests, DRAWN, seeds)
    assert [[[c.tokens for c in some] for some in prompts] for prompts in got] == [
        [[c.tokens for c in some] for some in prompts] for prompts in ours
    ]
    assert policy.name == "qwen2_5_vl"


def test_after_an_update_all_servers_have_the_weights_of_the_folder(build_tiny, serving, requests, tmp_path):
    trained = build_tiny("qwen2_5_vl", seed=1)
    save_model(trained, tmp_path / "step-1")
    policy = RemotePolicy([serving(build_tiny("qwen2_5_vl")), serving(build_tiny("qwen2_5_vl"))])
    with pytest.raises(ModelError, match=f"^{policy.generators[0].endpoint.url}: does not answer"):
        policy.verify(trained, requests, PROBE)
    policy.update(tmp_path / "step-1")
    found = policy.verify(trained, requests, PROBE)
    assert len(found) == 2
    assert all(probed.difference < 1e-4 for probed in found)


def test_one_server_that_was_left_behind_is_named(build_tiny, serving, requests, tmp_path):
    trained = build_tiny("qwen2_5_vl", seed=1)
    save_model(trained, tmp_path / "step-1")
    urls = [serving(build_tiny("qwen2_5_vl")), serving(build_tiny("qwen2_5_vl"))]
    RemotePolicy(urls[:1]).update(tmp_path / "step-1")
    with pytest.raises(ModelError, match=f"^{urls[1]}: does not answer with the weights of this run"):
        RemotePolicy(urls).verify(trained, requests, PROBE)


def test_a_small_step_that_a_server_has_missed_is_found_out_within_the_tolerance(
    build_tiny, serving, requests, tmp_path
):
    trained = build_tiny("qwen2_5_vl")
    policy = RemotePolicy([serving(build_tiny("qwen2_5_vl"))])
    policy.verify(trained, requests, PROBE)
    with torch.no_grad():
        trained.family.model.lm_head.weight.mul_(1.002)
    with pytest.raises(ModelError, match="still answers with the former weights"):
        policy.verify(trained, requests, PROBE)
    save_model(trained, tmp_path / "step-1")
    policy.update(tmp_path / "step-1")
    assert policy.verify(trained, requests, PROBE)[0].difference < 1e-4


def test_a_folder_that_is_no_model_is_not_taken(tiny, serving, tmp_path):
    policy = RemotePolicy([serving(tiny("qwen2_5_vl"))])
    with pytest.raises(ModelError, match=r"nothing was not taken: .*not a model"):
        policy.update(tmp_path / "nothing")
