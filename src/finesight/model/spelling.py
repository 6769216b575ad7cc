"""The bytes of single tokens: a token may be a part of a character, which no text of its own can show."""

from __future__ import annotations

from typing import Any


class Spelling:
    """What each token of a tokenizer adds to an answer.

    Exact where it works on bytes, as those of Qwen and nano do. Any other one is asked for the token alone, and may
    leave out the space before a word.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._added = {i: str(token.content) for i, token in tokenizer.added_tokens_decoder.items()}

    def __call__(self, token: int) -> bytes:
        if token in self._added:
            return self._added[token].encode()
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if piece is not None and all(letter in _BYTES for letter in piece):
            return bytes(_BYTES[letter] for letter in piece)
        return str(self._tokenizer.decode([token])).encode()


def _letters() -> dict[str, int]:
    """The letter that stands for each byte in a byte-level vocabulary, where none may be blank or unprintable.

    References:
        Radford et al., "Language Models are Unsupervised Multitask Learners" (GPT-2), 2019, section 2.2.
    """
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)}
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTES = _letters()
