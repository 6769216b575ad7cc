from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from finesight.model.load import save_model
from finesight.model.wire import data_url

CHAT = "/v1/chat/completions"


@pytest.fixture
def client(tiny, serving):
    with httpx2.Client(base_url=serving(tiny("qwen2_5_vl")), timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def body(make_noise) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": data_url(make_noise(0))}}
    content = [image, {"type": "text", "text": "What?"}]
    messages = [{"role": "user", "content": content}]
    return {"model": "qwen2_5_vl", "messages": messages, "max_tokens": 4, "temperature": 0}


def test_the_service_says_that_it_is_well_and_what_it_serves(client):
    assert client.get("/health").json() == {"status": "ok"}
    (model,) = client.get("/v1/models").json()["data"]
    assert (model["id"], model["owned_by"], model["max_model_len"]) == ("qwen2_5_vl", "finesight", 2048)


def test_an_answer_has_the_form_of_a_chat_completion(client, body):
    reply = client.post(CHAT, json=body).json()
    (choice,) = reply["choices"]
    assert reply["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] == "length"
    assert choice["logprobs"] is None
    assert reply["usage"]["completion_tokens"] == 4
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + 4
    assert not {"token_ids", "levels"} & choice.keys()


def test_tokens_and_log_probabilities_come_where_they_are_asked_for(client, body):
    reply = client.post(
        CHAT, json=body | {"n": 3, "temperature": 1, "logprobs": True, "return_token_ids": True}
    )
    choices = reply.json()["choices"]
    assert [c["index"] for c in choices] == [0, 1, 2]
    for choice in choices:
        assert len(choice["token_ids"]) == len(choice["logprobs"]["content"]) == 4
        spelt = b"".join(bytes(token["bytes"]) for token in choice["logprobs"]["content"])
        assert spelt.decode("utf-8", "replace") == choice["message"]["content"]
        assert all(token["logprob"] <= 0 for token in choice["logprobs"]["content"])


def test_the_same_seed_gives_the_same_answers(client, body):
    drawn = body | {"n": 4, "temperature": 1, "seed": 5}
    first, again, other = (
        [c["message"]["content"] for c in client.post(CHAT, json=sent).json()["choices"]]
        for sent in (drawn, drawn, drawn | {"seed": 6})
    )
    assert first == again != other
    assert len(set(first)) == 4


def test_many_may_ask_at_once(client, body):
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda n: client.post(CHAT, json=body | {"max_tokens": 1 + n % 3}), range(12))
        )
    assert [r.json()["usage"]["completion_tokens"] for r in replies] == [1 + n % 3 for n in range(12)]


@pytest.mark.parametrize(
    ("change", "status", "complaint"),
    [
        ({"model": "gpt-4"}, 404, "no model 'gpt-4' here; qwen2_5_vl is served"),
        ({"n": 0}, 400, "n: "),
        ({"frob": 1}, 400, "frob: "),
        ({"stream": True}, 400, "stream: "),
        ({"messages": []}, 400, "one user message"),
        ({"max_tokens": 100_000}, 400, "context of qwen2_5_vl"),
    ],
)
def test_a_bad_request_is_answered_with_its_reason(client, body, change, status, complaint):
    reply = client.post(CHAT, json=body | change)
    assert reply.status_code == status
    error = reply.json()["error"]
    assert complaint in error["message"]
    assert error["type"] == "invalid_request_error"


def test_the_client_of_openai_is_served(client, body):
    openai = pytest.importorskip("openai", reason="openai is not installed")
    with openai.OpenAI(base_url=f"{client.base_url}/v1".replace("//v1", "/v1"), api_key="none") as asking:
        assert [model.id for model in asking.models.list()] == ["qwen2_5_vl"]
        reply = asking.chat.completions.create(
            **body | {"temperature": 1, "n": 2, "logprobs": True, "seed": 3}
        )
        assert len(reply.choices) == 2
        for choice in reply.choices:
            assert "".join(t.token for t in choice.logprobs.content) == choice.message.content
        with pytest.raises(openai.NotFoundError, match="qwen2_5_vl is served"):
            asking.chat.completions.create(**body | {"model": "gpt-4"})
        with pytest.raises(openai.BadRequestError, match="context of qwen2_5_vl"):
            asking.chat.completions.create(**body | {"max_tokens": 100_000})


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_request_is_a_bad_request(client, raw):
    reply = client.post(CHAT, content=raw, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_a_question_with_a_token_that_stands_for_a_picture_is_a_bad_request(client, body):
    body["messages"][0]["content"][1]["text"] = "What is <|image_pad|>?"
    reply = client.post(CHAT, json=body)
    assert (reply.status_code, "stands for a picture" in reply.json()["error"]["message"]) == (400, True)


def test_another_path_or_method_is_refused_in_the_same_form(client):
    for reply, status in ((client.get("/v1/nothing"), 404), (client.get(CHAT), 405)):
        assert (reply.status_code, set(reply.json())) == (status, {"error"})


def test_after_bad_requests_good_ones_are_answered(client, body):
    for bad in (body | {"model": "x"}, body | {"n": 0}, body | {"max_tokens": 100_000}):
        assert client.post(CHAT, json=bad).status_code >= 400
    assert client.post(CHAT, json=body).status_code == 200


def test_what_goes_wrong_inside_is_a_server_error_and_not_the_end(client, body, monkeypatch):
    from finesight.model.generate import TreeGenerator

    def broken(*_: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(TreeGenerator, "sample", broken)
        reply = client.post(CHAT, json=body)
    assert reply.status_code == 500
    assert reply.json()["error"] == {
        "message": "RuntimeError: out of memory",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert client.post(CHAT, json=body).status_code == 200


def test_weights_can_be_exchanged_while_it_runs(build_tiny, tiny, serving, body, tmp_path):
    save_model(tiny("qwen2_5_vl"), tmp_path / "new")
    url = serving(build_tiny("qwen2_5_vl", seed=1))
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        before = client.post(CHAT, json=body).json()["choices"]
        reply = client.post(
            "/update_weights_from_disk", json={"model_path": str(tmp_path / "new"), "flush_cache": True}
        )
        assert reply.json()["success"] is True
        after = client.post(CHAT, json=body).json()["choices"]
        expected = httpx2.post(serving(tiny("qwen2_5_vl")) + CHAT, json=body, timeout=60).json()["choices"]
        assert after == expected != before
        refused = client.post("/update_weights_from_disk", json={"model_path": str(tmp_path / "none")})
        assert (refused.status_code, refused.json()["success"]) == (400, False)
        assert client.post("/update_weights_from_disk", json={}).status_code == 400
        assert client.post(CHAT, json=body).json()["choices"] == expected
