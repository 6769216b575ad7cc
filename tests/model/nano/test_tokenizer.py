from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finesight.model.chat import encode
from finesight.model.nano.tokenizer import SPECIAL_TOKENS, number_ids, train_tokenizer


@pytest.mark.parametrize("template", ["{}", " {}", "({},", "a{}", "<|box_start|>({}),"])
def test_every_number_of_a_coordinate_is_one_token(tokenizer, template):
    ids = number_ids(tokenizer)
    assert sorted(ids) == list(range(1001))
    assert len(set(ids.values())) == 1001
    for number in range(1001):
        assert ids[number] in encode(tokenizer, template.format(number))
        assert tokenizer.decode([ids[number]]) == str(number)


@given(text=st.text() | st.text(st.sampled_from("a 1\n<|>,()é点🙂")))
@example("<|box_start|>(1,20),(300,1000)<|box_end|>")
@example("  1001 10000 007 \n\n A  b<|im_end|> ")
def test_any_text_comes_back(tokenizer, text):
    assert tokenizer.decode(encode(tokenizer, text)) == text


def test_special_tokens_are_one_id_each_wherever_they_stand(tokenizer):
    ids = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))
    assert sorted(set(ids)) == list(range(len(SPECIAL_TOKENS)))
    for token, number in zip(SPECIAL_TOKENS, ids, strict=True):
        assert encode(tokenizer, token) == [number]
        assert encode(tokenizer, f"a{token}7").count(number) == 1


def test_the_vocabulary_is_as_small_as_asked():
    small = train_tokenizer(["Noise."], vocabulary=512)
    assert len(small) == 512
    assert len(number_ids(small)) < 1001
    assert small.decode(encode(small, "1000 Noises")) == "1000 Noises"


def test_words_of_the_texts_become_tokens(tokenizer):
    assert len(encode(tokenizer, "What distortion affects this region?")) == 6
    assert len(encode(tokenizer, "Zymurgy")) > 3


def test_the_same_texts_make_the_same_tokenizer(tokenizer):
    texts = ["Severe noise, fair.", "Blocking artifacts."]
    first, second = (train_tokenizer(texts, 1600).get_vocab() for _ in range(2))
    assert first == second
