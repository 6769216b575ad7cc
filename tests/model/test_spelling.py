from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import bytes_to_unicode

from finesight.model.spelling import _BYTES, Spelling


def test_letters_stand_for_the_bytes_that_gpt_2_has_them_stand_for():
    assert {byte: letter for letter, byte in _BYTES.items()} == bytes_to_unicode()


def test_tokens_spell_the_text_they_are_of(tokenizer):
    spell = Spelling(tokenizer)

    @given(st.text(max_size=40))
    def holds(text: str) -> None:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert b"".join(map(spell, ids)) == text.encode()

    holds()


def test_special_tokens_spell_their_names(tokenizer):
    text = "<|object_ref_start|>Größe 5<|object_ref_end|><|im_end|>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert [Spelling(tokenizer)(i) for i in (ids[0], ids[-1])] == [b"<|object_ref_start|>", b"<|im_end|>"]
    assert b"".join(map(Spelling(tokenizer), ids)).decode() == text
