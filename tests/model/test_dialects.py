from __future__ import annotations

import pytest

from finesight.errors import InputError, ModelError
from finesight.model.dialects import Served, answer_seed, find_served
from finesight.model.endpoint import Endpoint


def listing(*models: tuple[str, str]):
    data = [{"id": name, "object": "model", "owned_by": owner} for name, owner in models]
    return 200, {"object": "list", "data": data}


@pytest.fixture
def endpoint(stub) -> Endpoint:
    return Endpoint(stub.url, sleep=lambda _: None)


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        ("vllm", "vllm"),
        ("sglang", "sglang"),
        ("finesight", "finesight"),
        ("system", "openai"),
        ("", "openai"),
    ],
)
def test_servers_say_who_they_are_in_their_list_of_models(stub, endpoint, owner, kind):
    stub.replies["/v1/models"] = listing(("qwen", owner))
    assert find_served(endpoint) == Served("qwen", kind)
    assert find_served(endpoint, "qwen") == Served("qwen", kind)


def test_transformers_is_told_by_a_route_that_it_alone_has(stub, endpoint):
    stub.replies["/openapi.json"] = (200, {"paths": {"/load_model": {}}})
    assert find_served(endpoint, "org/model") == Served("org/model", "transformers")


def test_with_name_and_kind_nothing_is_asked(stub, endpoint):
    assert find_served(endpoint, "m", "openai") == Served("m", "openai")
    assert stub.asked == []


def test_a_name_that_is_not_served_is_answered_with_those_that_are(stub, endpoint):
    stub.replies["/v1/models"] = listing(("one", "vllm"), ("two", "vllm"))
    with pytest.raises(ModelError, match="serves no model 'three'; it serves one, two"):
        find_served(endpoint, "three")


def test_of_several_models_one_has_to_be_named(stub, endpoint):
    stub.replies["/v1/models"] = listing(("one", "vllm"), ("two", "vllm"))
    with pytest.raises(InputError, match=r"serves one, two; say which: server:http://.*#NAME"):
        find_served(endpoint)
    assert find_served(endpoint, "two") == Served("two", "vllm")


def test_a_server_without_a_list_needs_the_name(stub, endpoint):
    with pytest.raises(ModelError, match="name the model"):
        find_served(endpoint)
    stub.replies["/v1/models"] = (200, {"models": []})
    with pytest.raises(ModelError, match="not a list of models"):
        find_served(endpoint)


def test_an_unknown_kind_is_refused(endpoint):
    with pytest.raises(InputError, match="'tgi' is no kind of server; known are finesight, vllm"):
        find_served(endpoint, "m", "tgi")


def test_answers_have_seeds_of_their_own():
    seeds = {answer_seed(seed, n) for seed in range(100) for n in range(16)}
    assert len(seeds) == 1600
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert answer_seed(1, 2) == answer_seed(1, 2)
