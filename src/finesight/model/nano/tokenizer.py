"""nano's tokenizer: byte-level BPE over the project's own questions and answers, with Qwen's special tokens.

Whole numbers up to 1000 become single tokens: a coordinate is then one decision of the decoder, not three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from finesight.model.chat import CHATML

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
)
NUMBERS = range(1001)
_PIECES = Regex(r"[0-9]{1,4}|\n| ?[^\s0-9A-Za-z]+| ?[A-Za-z]+|\s+")
# Texts come once each, so this puts the merges of every number before those of rare words.
_NUMBER_REPEATS = 100


def train_tokenizer(texts: Iterable[str], vocabulary: int = 2560) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `vocabulary` tokens trained on `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_with_numbers(texts), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS),
        chat_template=CHATML,
        clean_up_tokenization_spaces=False,
    )


def _with_numbers(texts: Iterable[str]) -> Iterator[str]:
    numbers = "\n".join(str(n) for n in NUMBERS)
    yield from (numbers for _ in range(_NUMBER_REPEATS))
    yield from dict.fromkeys(texts)


def number_ids(tokenizer: Any) -> dict[int, int]:
    """{number: token id} of the numbers that are one token."""
    vocabulary = tokenizer.get_vocab()
    return {n: vocabulary[str(n)] for n in NUMBERS if str(n) in vocabulary}
