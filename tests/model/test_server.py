from __future__ import annotations

import base64
import io
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finesight.errors import InputError, ModelError
from finesight.model.diagnose import load_diagnoser
from finesight.model.dialects import answer_seed
from finesight.model.endpoint import Endpoint
from finesight.model.generate import TreeGenerator
from finesight.model.protocol import Request
from finesight.model.server import ServerGenerator
from finesight.schema.rollout import Sampling

CHAT = "/v1/chat/completions"
DRAWN = Sampling(samples=3, temperature=0.8, top_p=0.9, max_new_tokens=8)


@pytest.fixture
def requests(make_noise) -> list[Request]:
    """Three pictures, the first with three questions."""
    return [
        Request(make_noise(0, 120, 90), ("What distortion affects this region?", "Why?", "Noise?")),
        Request(make_noise(1, 60, 140), ("Why?",)),
        Request(make_noise(2, 90, 60), ("Level?", "Severe?")),
    ]


def completion(text: str, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"content": text}, "finish_reason": reason, **more}


@pytest.fixture
def pretend(stub):
    """`pretend(kind, answer)`: a generator of a server of a kind whose replies `answer` makes of the request."""

    def make(kind: str, answer: Any, **settings: Any) -> ServerGenerator:
        stub.replies[CHAT] = answer if isinstance(answer, list) else lambda body: (200, answer(body))
        endpoint = Endpoint(stub.url, sleep=lambda _: None)
        return ServerGenerator(stub.url, "m", kind=kind, endpoint=endpoint, **settings)

    return make


def echo(body: dict[str, Any]) -> dict[str, Any]:
    """Answers that say what was asked, and with which seed."""
    said = f"{body['messages'][0]['content'][1]['text']} {body.get('seed')}"
    return {"choices": [completion(said) | {"index": n} for n in range(body.get("n", 1))]}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "finesight_nano"])
def test_a_server_answers_as_the_model_does_here(tiny, serving, requests, family):
    model = tiny(family)
    generator = ServerGenerator(serving(model), max_new_tokens=8)
    assert generator.name == model.name
    for theirs, ours in zip(
        generator.generate(requests), TreeGenerator(model, 8).generate(requests), strict=True
    ):
        for a, b in zip(theirs, ours, strict=True):
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
            # What a dense head suspects is not told over HTTP.
            assert a._replace(logprobs=()) == b._replace(logprobs=(), suspected=())


def test_a_server_draws_what_the_model_draws_here(tiny, serving, requests):
    model = tiny("qwen2_5_vl")
    seeds = [[1, 2, 3], [4], [5, 6]]
    theirs = ServerGenerator(serving(model)).sample(requests, DRAWN, seeds)
    ours = TreeGenerator(model).sample(requests, DRAWN, seeds)
    assert [[[c.tokens for c in some] for some in prompts] for prompts in theirs] == [
        [[c.tokens for c in some] for some in prompts] for prompts in ours
    ]
    said = [c for prompts in theirs for some in prompts for c in some]
    assert len({c.tokens for c in said}) > len(said) / 2
    expected = [c.logprobs for prompts in ours for some in prompts for c in some]
    assert [c.logprobs for c in said] == [pytest.approx(p, abs=1e-4) for p in expected]


def test_what_is_drawn_does_not_depend_on_how_many_are_asked_at_a_time(tiny, serving, requests):
    url, seeds = serving(tiny("finesight_nano")), [[1, 2, 3], [4], [5, 6]]
    one, many = (ServerGenerator(url, concurrency=n).sample(requests, DRAWN, seeds) for n in (1, 16))
    assert [[[c.text for c in some] for some in prompts] for prompts in one] == [
        [[c.text for c in some] for some in prompts] for prompts in many
    ]


def test_a_diagnosis_can_come_from_a_server(tiny, serving, make_noise, monkeypatch):
    url = serving(tiny("finesight_nano"))
    diagnoser = load_diagnoser(f"server:{url}/v1#finesight-nano")
    monkeypatch.setattr(diagnoser.generator, "max_new_tokens", 8)
    (outcome,) = diagnoser.diagnose([make_noise(0)])
    assert outcome.model == "finesight-nano"
    assert outcome.raw
    with pytest.raises(ModelError, match="serves no model 'other'; it serves finesight-nano"):
        load_diagnoser(f"server:{url}#other").diagnose([make_noise(0)])


def test_every_question_goes_out_with_its_picture(pretend, stub, requests):
    pretend("openai", echo).generate(requests)
    sent = {}
    for body in stub.bodies(CHAT):
        image, text = body["messages"][0]["content"]
        raw = base64.b64decode(image["image_url"]["url"].partition(",")[2])
        sent.setdefault(Image.open(io.BytesIO(raw)).size, []).append(text["text"])
        picture = next(r.picture for r in requests if text["text"] in r.prompts)
        assert picture.rgb.ndim == 3
    assert {size: sorted(texts) for size, texts in sent.items()} == {
        (r.picture.width, r.picture.height): sorted(r.prompts) for r in requests
    }


def test_answers_stand_where_their_questions_do_whoever_is_first(pretend, requests):
    gate = threading.Barrier(6)  # all six are under way before any is answered

    def late(body: dict[str, Any]) -> dict[str, Any]:
        gate.wait(30)
        return echo(body)

    got = pretend("openai", late).generate(requests)
    assert [[c.text for c in some] for some in got] == [[f"{p} None" for p in r.prompts] for r in requests]


def test_no_more_requests_are_under_way_than_allowed(pretend, requests):
    under_way, most, lock = 0, 0, threading.Lock()

    def counted(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.02)  # so that others come in, if they may
        reply = echo(body)
        with lock:
            under_way -= 1
        return reply

    pretend("openai", counted, concurrency=2).generate(requests * 3)
    assert most <= 2
    most = 0
    pretend("transformers", counted).generate(requests * 3)
    assert most == 1


def test_a_server_without_n_is_asked_once_an_answer_with_its_seed(pretend, stub, requests):
    got = pretend("sglang", echo).sample(requests[1:2], DRAWN, [[11]])
    assert [c.text for c in got[0][0]] == [f"Why? {answer_seed(11, n)}" for n in range(3)]
    assert len(stub.bodies(CHAT)) == 3


def test_the_likeliest_answer_is_asked_for_once(pretend, stub, requests):
    greedy = Sampling(samples=4, temperature=0, max_new_tokens=8)
    got = pretend("vllm", echo).sample(requests[1:2], greedy, [[11]])
    assert [c.text for c in got[0][0]] == ["Why? None"] * 4
    assert len(stub.bodies(CHAT)) == 1


def test_fewer_answers_than_wanted_are_an_error(pretend, requests):
    generator = pretend("vllm", lambda body: {"choices": [completion("x")]})
    with pytest.raises(ModelError, match="1 answers came for n = 3"):
        generator.sample(requests, DRAWN, [[1, 2, 3], [4], [5, 6]])


def test_a_refused_question_is_named_with_its_picture_and_the_reason(pretend, requests):
    too_long = (400, {"error": {"message": "This model's maximum context length is 100 tokens."}})
    generator = pretend("vllm", [too_long])
    with pytest.raises(
        InputError, match=r"noise1\.png, 'Why\?': .*maximum context length is 100.*shrink the pict"
    ):
        generator.generate(requests[1:2])


def test_a_model_that_is_gone_is_answered_with_those_that_are_there(pretend, stub, requests):
    stub.replies["/v1/models"] = (200, {"data": [{"id": "other", "owned_by": "vllm"}]})
    generator = pretend("vllm", [(404, {"error": {"message": "no such model"}})])
    with pytest.raises(ModelError, match="serves no model 'm'; it serves other"):
        generator.generate(requests)


def test_a_missing_key_is_asked_for(pretend, requests):
    with pytest.raises(ModelError, match=r"\$FINESIGHT_SERVER_KEY"):
        pretend("vllm", [(401, {"error": "Unauthorized"})]).generate(requests)


def test_after_a_failure_no_further_question_is_sent(pretend, stub, requests):
    with pytest.raises(InputError):
        pretend("vllm", [(400, {"detail": "no"})], concurrency=1).generate(requests * 10)
    assert len(stub.bodies(CHAT)) == 1


def test_what_stands_for_pictures_is_forbidden_with_the_ids_of_the_tokenizer(
    pretend, stub, requests, tokenizer
):
    pretend("openai", echo, tokenizer=tokenizer).generate(requests[1:2])
    marks = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    ids = sorted(tokenizer.convert_tokens_to_ids(list(marks)))
    assert stub.bodies(CHAT)[0]["logit_bias"] == {str(i): -100 for i in ids}


def test_or_with_the_ids_that_the_server_tells(pretend, stub, requests):
    known = {"<|image_pad|>": [7], "<|video_pad|>": [8], "<IMG_CONTEXT>": [1, 2, 3]}
    stub.replies["/tokenize"] = lambda body: (200, {"tokens": known.get(body["prompt"], [4, 5])})
    pretend("vllm", echo).generate(requests[1:2])
    assert stub.bodies(CHAT)[0]["logit_bias"] == {"7": -100, "8": -100}


def test_an_answer_with_a_token_that_stands_for_a_picture_is_an_error(pretend, requests, tokenizer):
    bad = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    text = pretend("openai", lambda body: {"choices": [completion("a <|image_pad|>")]})
    with pytest.raises(
        ModelError, match=r"noise1\.png holds <\|image_pad\|>.*give ServerGenerator the tokenizer"
    ):
        text.generate(requests[1:2])
    ids = pretend(
        "vllm", lambda body: {"choices": [completion("a", token_ids=[900, bad])]}, tokenizer=tokenizer
    )
    with pytest.raises(ModelError, match=f"holds {bad}.*does it honour logit_bias"):
        ids.generate(requests[1:2])


def test_a_tokenizer_gives_the_tokens_that_a_server_does_not_tell(pretend, requests, tokenizer):
    ids = tokenizer("Severe noise", add_special_tokens=False)["input_ids"]
    whole = pretend("openai", lambda body: {"choices": [completion("Severe noise")]}, tokenizer=tokenizer)
    ((said,),) = whole.generate(requests[1:2])
    assert said.tokens == (*ids, tokenizer.eos_token_id)
    cut = pretend(
        "openai", lambda body: {"choices": [completion("Severe noise", "length")]}, tokenizer=tokenizer
    )
    assert cut.generate(requests[1:2])[0][0].tokens == tuple(ids)
    assert pretend("openai", echo).generate(requests[1:2])[0][0].tokens == ()


def test_log_probabilities_of_other_tokens_are_not_passed_off_as_those_of_these(pretend, requests, tokenizer):
    spelt = {"content": [{"token": letter, "logprob": -1.0} for letter in "Severe noise"]}
    answer = {"choices": [completion("Severe noise", logprobs=spelt)]}
    ((said,),) = pretend("openai", lambda body: answer, tokenizer=tokenizer).generate(requests[1:2])
    assert said.tokens
    assert (said.logprobs, said.starts) == ((), ())


def test_only_pictures_are_sent(pretend, tiny, requests):
    pixels = tiny("qwen2_5_vl").images(requests[0].picture)
    with pytest.raises(InputError, match="is shown pictures"):
        pretend("openai", echo).generate([Request(pixels, ("Why?",))])


def test_nothing_is_asked_for_nothing(pretend, stub, make_noise):
    generator = pretend("openai", echo)
    assert generator.generate([]) == []
    assert generator.generate([Request(make_noise(0), ())]) == [[]]
    assert stub.asked == []


def test_a_server_is_named_by_its_url_and_its_model(stub):
    stub.replies["/v1/models"] = (
        200,
        {"data": [{"id": "a", "owned_by": "vllm"}, {"id": "b/c", "owned_by": ""}]},
    )
    named = ServerGenerator.named(f"{stub.url}/v1#b/c")
    assert (named.name, named.served.kind) == ("b/c", "openai")
    with pytest.raises(InputError, match="serves a, b/c; say which"):
        _ = ServerGenerator.named(stub.url).name


def test_a_picture_is_encoded_once_for_all_its_questions(pretend, requests, monkeypatch):
    from finesight.model import server

    made: list[str] = []
    plain = server.data_url
    monkeypatch.setattr(server, "data_url", lambda picture: made.append(picture.path) or plain(picture))
    pretend("openai", echo).generate(requests)
    assert sorted(made) == [r.picture.path for r in requests]
    assert np.unique(made).size == 3
