"""Choices judged option by option: where an option ends, the model says whether it is right.

To choose a letter, a decoder has to judge every option and then to point at one, in one token. To judge is learned
soon, to point late (docs/training.md). So a model that was taught verdicts is asked for them as its question is read,
which costs nothing, and the odds that an option is right are multiplied into the odds of its letter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from string import ascii_uppercase

from pydantic import BaseModel, ConfigDict

from finesight.text.choice import option_ends


class VerdictTokens(BaseModel):
    """Ids that answers begin with: Yes, No, and the letter of each option."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: int
    no: int
    letters: tuple[int, ...]

    @classmethod
    def of(cls, encode: Callable[[str], Sequence[int]]) -> VerdictTokens | None:
        """None where a tokenizer does not tell them apart by their first token."""
        yes, no, *letters = (encode(f"{word}.")[0] for word in ("Yes", "No", *ascii_uppercase))
        apart = yes != no and len(set(letters)) == len(letters)
        return cls(yes=yes, no=no, letters=tuple(letters)) if apart else None

    def of_options(self, count: int, right: int) -> list[int]:
        """What is to be said of each of so many options, of which the one of index `right` is right."""
        return [self.yes if option == right else self.no for option in range(count)]


def option_places(prompt: str, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Of each lettered option of a prompt the token at which it has ended: the one that the line break is in.

    Args:
        spans: first character of each token and the one behind its last, of the prompt and of what follows it.
    """
    ends = [end for _, end in spans]
    return tuple(bisect_right(ends, place) for place in option_ends(prompt))


def pieces(tokens: Sequence[int], places: Sequence[int]) -> Iterator[list[int]]:
    """The tokens of a question cut behind each option's end; the last piece is what follows the last of them."""
    for start, end in pairwise([0, *(place + 1 for place in places), len(tokens)]):
        yield list(tokens[start:end])
