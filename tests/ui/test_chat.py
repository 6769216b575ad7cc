from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from finesight.errors import InputError
from finesight.model.wire import data_url
from finesight.schema.rollout import Sampling
from finesight.ui.chat import Chat, question_of


def image(url: str) -> dict:
    return {"type": "image_url", "image_url": {"url": url}}


def text(said: str = "What?") -> dict:
    return {"type": "text", "text": said}


def chat(*content: dict, **fields) -> Chat:
    return Chat.model_validate(
        {"model": "m", "messages": [{"role": "user", "content": list(content)}], **fields}
    )


@pytest.fixture
def url(make_noise) -> str:
    return data_url(make_noise(0, 40, 30))


def test_a_question_has_the_pixels_that_were_sent(url, make_noise):
    question = question_of(chat(image(url), text("Why?"), seed=7))
    assert np.array_equal(question.picture.rgb, make_noise(0, 40, 30).rgb)
    assert (question.prompt, question.seed) == ("Why?", 7)


def test_a_picture_is_turned_upright(url):
    photo = Image.new("RGB", (40, 30), "red")
    exif = photo.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    photo.save(file, "JPEG", exif=exif)
    sent = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    assert question_of(chat(image(sent), text())).picture.rgb.shape == (40, 30, 3)


def test_what_is_not_said_is_as_openai_has_it(url):
    asked = chat(image(url), text())
    assert asked.sampling == Sampling(samples=1, temperature=1.0, top_p=1.0, max_new_tokens=512)
    drawn = chat(image(url), text(), n=4, temperature=0.5, top_p=0.9, max_tokens=9).sampling
    assert drawn == Sampling(samples=4, temperature=0.5, top_p=0.9, max_new_tokens=9)
    assert chat(max_tokens=9, max_completion_tokens=8).sampling.max_new_tokens == 8


def test_without_a_seed_every_answer_is_another(url):
    seeds = {question_of(chat(image(url), text())).seed for _ in range(8)}
    assert len(seeds) == 8


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 0},
        {"n": 10_000},
        {"temperature": -1},
        {"top_p": 0},
        {"max_tokens": 0},
        {"stream": True},
        {"top_logprobs": 5},
        {"frequency_penalty": 0.5},
        {"skip_special_tokens": True},
        {"tools": []},
        {"logit_bias": {"5": -100}},
        {"messages": [{"role": "system", "content": []}]},
        {"messages": [{"role": "user", "content": "text alone"}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ],
)
def test_what_would_be_ignored_is_refused(fields):
    with pytest.raises(ValidationError):
        chat(**fields)


def test_what_asks_for_nothing_is_taken(url):
    neutral = {
        "stream": False,
        "top_logprobs": 0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0,
        "user": "me",
        "skip_special_tokens": False,
    }
    assert question_of(chat(image(url), text(), **neutral)).prompt == "What?"


def test_a_request_is_one_picture_and_then_one_text(url):
    picture, words = image(url), text()
    for content in (
        [words, picture],
        [words],
        [picture],
        [picture, picture, words],
        [picture, words, words],
        [],
    ):
        with pytest.raises(InputError, match="one user message of one image_url and then one text"):
            question_of(chat(*content))


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ("http://127.0.0.1/a.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("data:image/png;base64,???", "not base64"),
        ("data:image/png;base64,", "image_url: "),
        (f"data:image/png;base64,{base64.b64encode(b'no picture at all').decode()}", "image_url: "),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(sent, complaint):
    with pytest.raises(InputError, match=complaint):
        question_of(chat(image(sent), text()))
