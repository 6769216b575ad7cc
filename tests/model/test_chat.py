from __future__ import annotations

import copy

import pytest

from finesight.errors import ModelError
from finesight.model.chat import CHATML, chat_format, encode, encode_all

QUESTION = "{{ messages[0]['content'][1]['text'] }}"
NO_IMAGE = "{{ messages[0]['role'] }}: " + QUESTION + "."
QUESTION_FIRST = QUESTION + "<|image_pad|>"
NOTHING_AFTER = "<|image_pad|>" + QUESTION
TWO_IMAGES = "<|image_pad|>" * 2 + QUESTION + "."


@pytest.fixture
def image_id(tokenizer):
    return tokenizer.convert_tokens_to_ids("<|image_pad|>")


def with_template(tokenizer, template):
    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    return other


def test_prefix_question_and_tail_are_the_whole_prompt(tokenizer, image_id):
    chat = chat_format(tokenizer, image_id)
    question = "What distortion affects this region?"
    ids = chat.prefix(3) + encode(tokenizer, question + chat.tail)
    assert tokenizer.decode(ids) == (
        f"<|im_start|>user\n<|vision_start|>{'<|image_pad|>' * 3}<|vision_end|>{question}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert chat.prefix(3).count(image_id) == 3
    assert chat.end_id == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_a_tokenizer_without_a_template_gets_chatml(tokenizer, image_id):
    assert chat_format(with_template(tokenizer, None), image_id) == chat_format(tokenizer, image_id)
    assert tokenizer.chat_template == CHATML


def test_the_template_of_the_tokenizer_is_used(tokenizer, image_id):
    chat = chat_format(with_template(tokenizer, f"You see:<|image_pad|>{QUESTION}!"), image_id)
    assert tokenizer.decode(list(chat.head)) == "You see:"
    assert (chat.neck, chat.tail) == ((), "!")


@pytest.mark.parametrize("template", [NO_IMAGE, QUESTION_FIRST, NOTHING_AFTER, TWO_IMAGES, "nothing"])
def test_a_template_without_one_image_before_the_question_is_refused(tokenizer, image_id, template):
    with pytest.raises(ModelError, match=r"<\|image_pad\|> before the question"):
        chat_format(with_template(tokenizer, template), image_id)


def test_text_is_encoded_as_it_stands(tokenizer):
    assert encode(tokenizer, "") == []
    assert encode(tokenizer, "<|im_end|>") == [tokenizer.convert_tokens_to_ids("<|im_end|>")]


def test_many_texts_are_encoded_like_each_alone_and_every_different_one_once(tokenizer, monkeypatch):
    texts = ["What?", "", "Where?", "What?", "What? "]
    alone = [encode(tokenizer, text) for text in texts]
    calls: list[list[str]] = []
    plain = type(tokenizer).__call__

    def counted(self, text, **settings):
        calls.append(text)
        return plain(self, text, **settings)

    monkeypatch.setattr(type(tokenizer), "__call__", counted)
    assert encode_all(tokenizer, texts) == alone
    assert calls == [["What?", "", "Where?", "What? "]]
    assert encode_all(tokenizer, []) == []
