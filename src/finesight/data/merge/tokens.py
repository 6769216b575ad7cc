"""How many tokens a text has, estimated without a tokenizer."""

from __future__ import annotations

import re

# What Qwen2's tokenizer (its tokenizer.json, "pre_tokenizer") cuts a text into before it looks up its table:
# words with the character before them, single digits, runs of punctuation, line ends, spaces; special tokens
# stand for themselves. A table of 150,000 entries holds nearly every English word whole; longer words are
# taken for several tokens, characters that are not ASCII for one each.
_PIECE = re.compile(
    r"<\|\w+\|>"
    r"|[^\r\n\w]?[A-Za-z]{1,12}"
    r"|[0-9]|[^\x00-\x7f]"
    r"| ?(?:(?!<\|)[!-/:-@\[-`{-~])+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|.",
    re.DOTALL,
)


def estimate_tokens(texts: list[str]) -> list[int]:
    """About the tokens each text has for a large byte-pair tokenizer of the GPT or Qwen kind."""
    return [len(_PIECE.findall(text)) for text in texts]
