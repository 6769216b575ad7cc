"""Exact numbers of tokens, for whoever counts without a model."""

from __future__ import annotations

from collections.abc import Callable

from finesight.errors import ModelError
from finesight.model.chat import encode_all


def token_counter(where: str) -> Callable[[list[str]], list[int]]:
    """Counts the tokens of texts with the tokenizer of a model folder or hub id.

    Raises:
        ModelError: there is no tokenizer that can be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{where}: no tokenizer that can be loaded ({type(error).__name__}: {reason}); "
            "give a model folder with tokenizer.json, or a hub id"
        ) from error
    return lambda texts: [len(ids) for ids in encode_all(tokenizer, texts)]
