from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from finesight.errors import ModelError
from finesight.model.dialects import Served, answer_seed
from finesight.model.wire import Ask, chat_body, data_url, read_reply
from finesight.schema.rollout import Sampling

DRAWN = Sampling(samples=4, temperature=0.7, top_p=0.9, max_new_tokens=30)
GREEDY = Sampling(samples=1, temperature=0, max_new_tokens=30)


def choice(text: str = "good", reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason, **more}


def said(*tokens: tuple[bytes, float], **more: Any) -> dict[str, Any]:
    content = [
        {"token": raw.decode("utf-8", "replace"), "bytes": list(raw), "logprob": p} for raw, p in tokens
    ]
    return {"content": [{**token, **more} for token in content]}


def read(*choices: dict[str, Any]) -> Any:
    return read_reply({"choices": list(choices)}, len(choices), "http://s")


def test_a_picture_arrives_as_it_is(make_noise):
    picture = make_noise(0, 37, 23)
    kind, _, data = data_url(picture).partition(";base64,")
    assert kind == "data:image/png"
    assert np.array_equal(np.array(Image.open(io.BytesIO(base64.b64decode(data)))), picture.rgb)


@pytest.mark.parametrize("kind", ["finesight", "vllm", "sglang", "transformers", "openai"])
def test_the_picture_stands_before_the_question(kind):
    body = chat_body(Served("m", kind), "data:x", Ask("What?", DRAWN))
    (message,) = body["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "data:x"}},
        {"type": "text", "text": "What?"},
    ]
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.7, 0.9, 30)


def test_servers_that_can_draw_all_answers_from_the_seed_of_the_question():
    for kind in ("vllm", "finesight"):
        body = chat_body(Served("m", kind), "", Ask("What?", DRAWN, seed=5, answers=4))
        assert (body["seed"], body["n"], body["logprobs"]) == (5, 4, True)


def test_other_servers_draw_every_answer_from_a_seed_of_its_own():
    asks = [Ask("What?", DRAWN, seed=5, first=n) for n in range(4)]
    bodies = [chat_body(Served("m", "sglang"), "", ask) for ask in asks]
    assert [body["seed"] for body in bodies] == [answer_seed(5, n) for n in range(4)]
    assert not any("n" in body for body in bodies)


def test_only_servers_that_know_them_are_sent_fields_that_openai_has_not():
    openai = chat_body(Served("m", "openai"), "", Ask("", DRAWN)).keys()
    extra = {
        kind: chat_body(Served("m", kind), "", Ask("", DRAWN)).keys() - openai
        for kind in ("finesight", "vllm", "sglang", "transformers")
    }
    exact = {"return_token_ids", "skip_special_tokens", "top_k", "min_p", "repetition_penalty"}
    assert extra == {
        "finesight": {"return_token_ids"},
        "vllm": exact,
        "sglang": exact,
        "transformers": {"generation_config"},
    }


def test_nothing_that_a_checkpoint_says_of_drawing_is_left_to_hold():
    for kind in ("vllm", "sglang"):
        body = chat_body(Served("m", kind), "", Ask("", DRAWN))
        assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (-1, 0, 1)
        assert body["skip_special_tokens"] is False
    drawn, greedy = (
        json.loads(chat_body(Served("m", "transformers"), "", Ask("", s))["generation_config"])
        for s in (DRAWN, GREEDY)
    )
    assert drawn == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 0,
        "max_new_tokens": 30,
        "repetition_penalty": 1.0,
    }
    assert greedy == {"do_sample": False, "max_new_tokens": 30, "repetition_penalty": 1.0}


def test_nothing_is_drawn_at_temperature_0():
    body = chat_body(Served("m", "vllm"), "", Ask("What?", GREEDY))
    assert body["temperature"] == 0
    assert not {"seed", "top_p", "n"} & body.keys()


def test_what_must_not_be_said_has_the_bias_that_openai_gives_it():
    assert chat_body(Served("m", "vllm"), "", Ask("", DRAWN), (7, 9))["logit_bias"] == {"7": -100, "9": -100}
    assert "logit_bias" not in chat_body(Served("m", "finesight"), "", Ask("", DRAWN), (7, 9))


def test_answers_are_in_the_order_of_their_numbers():
    later, sooner = choice("b") | {"index": 1}, choice("a")
    assert [c.text for c in read(later, sooner)] == ["a", "b"]


def test_an_answer_that_came_to_its_end_has_its_end_token_again():
    (completion,) = read(choice("Fine.", logprobs=said((b"Fine", -1), (b".", -2), (b"<|im_end|>", -0.5))))
    assert completion == ("Fine.<|im_end|>", (0, 4, 5), (-1, -2, -0.5), None, (), True, ())
    (cut,) = read(choice("Fine.", "length", logprobs=said((b"Fine", -1), (b".", -2))))
    assert (cut.text, cut.starts, cut.finished) == ("Fine.", (0, 4), False)


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=8))
def test_tokens_begin_where_what_stands_before_them_ends(raws):
    text = b"".join(raws).decode("utf-8", "replace")
    (completion,) = read(choice(text, "length", logprobs=said(*((raw, -1.0) for raw in raws))))
    assert completion.text == text
    before = [b"".join(raws[:n]) for n in range(len(raws))]
    assert list(completion.starts) == [len(raw.decode("utf-8", "replace")) for raw in before]


def test_tokens_that_spell_another_text_tell_no_places():
    (completion,) = read(choice("(1,2)", logprobs=said((b"(3,", -1), (b"4)", -2)), token_ids=[8, 9]))
    assert completion == ("(1,2)", (), (-1, -2), None, (8, 9), True, ())


def test_levels_are_the_shares_of_the_five_words_where_the_last_was_chosen():
    chances = {"bad": 0.1, "poor": 0.2, "fair": 0.3, "good": 0.15, "excellent": 0.05, "other": 0.2}
    others = [{"token": f" {word}", "logprob": math.log(p)} for word, p in chances.items()]
    spelt = said((b"x", -1), (b" good", math.log(0.15)), top_logprobs=others)
    (completion,) = read(choice("x good", logprobs=spelt))
    assert completion.levels == pytest.approx([0.125, 0.25, 0.375, 0.1875, 0.0625])


def test_levels_are_not_told_where_one_of_them_is_missing_or_none_was_chosen():
    four = [{"token": f" {word}", "logprob": -1} for word in ("bad", "poor", "fair", "good")]
    assert read(choice(" good", logprobs=said((b" good", -1), top_logprobs=four)))[0].levels is None
    assert read(choice("x", logprobs=said((b"x", -1))))[0].levels is None


def test_our_own_server_tells_the_levels_itself():
    assert read(choice(levels=[0.1, 0.2, 0.3, 0.3, 0.1]))[0].levels == (0.1, 0.2, 0.3, 0.3, 0.1)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ({"choices": []}, "0 answers came for n = 1"),
        ({"choices": [choice(reason="abort")]}, "broken off .*'abort'"),
        ({"choices": [choice(reason=None)]}, "broken off"),
        ({"choices": [{"index": 0}]}, r"choices\.0\.message"),
        ({"object": "list"}, "choices"),
        ("good", "not a chat completion"),
        (None, "not a chat completion"),
        (
            {"choices": [choice(logprobs=said((b"good", -1)), token_ids=[1, 2])]},
            "2 tokens came with 1 log-prob",
        ),
    ],
)
def test_a_reply_that_is_of_no_use_is_refused_by_field_and_server(reply, complaint):
    with pytest.raises(ModelError, match=f"^http://s: .*{complaint}"):
        read_reply(reply, 1, "http://s")


def test_an_answer_without_text_is_empty():
    assert read({**choice(), "message": {"content": None}})[0].text == ""
