"""Samples of one picture and subclass to one sample with a numbered prompt and answer, and back.

`unmerge(merge(samples)) == samples`: the texts come back out of the numbered ones, the rest of each sample
stands in the `parts` of the merged one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from finesight.errors import InputError
from finesight.schema.answer import ParseFailure
from finesight.schema.sample import Part, Sample, Subclass
from finesight.text.merged import merged_question, numbered, single_samples, split_answers

CountTokens = Callable[[list[str]], list[int]]
"""Tokens of each text."""


class Caps(BaseModel):
    """The most that goes into one prompt.

    questions: 32 is about twice what the fullest subclass of ViDA-UGC has of a picture. tokens: of questions
    and answers before they are numbered; with 2,048 and the largest picture that the resize policy lets in
    (1,280 tokens) a merged sequence stays within 4,096.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(default=32, ge=1)
    tokens: int = Field(default=2048, ge=1)


class Placed(NamedTuple):
    """A sample and its place, from 0, in the data before they were merged."""

    place: int
    sample: Sample


def merge(samples: Iterable[Sample], count: CountTokens, caps: Caps | None = None) -> list[Sample]:
    """All samples merged, picture by picture in order of first appearance.

    Raises:
        InputError: a sample is merged already.
    """
    by_image: dict[str, list[Placed]] = {}
    for index, sample in enumerate(samples):
        by_image.setdefault(sample.image, []).append(Placed(index, sample))
    return [
        merged
        for picture in by_image.values()
        for merged in merge_picture(picture, text_tokens((p.sample for p in picture), count), caps or Caps())
    ]


def text_tokens(samples: Iterable[Sample], count: CountTokens) -> list[tuple[int, int]]:
    """Tokens of the question and of the answer of each sample, all texts in one call."""
    texts = [text for sample in samples for text in (sample.question, sample.answer)]
    tokens = count(texts)
    return list(zip(tokens[::2], tokens[1::2], strict=True))


def merge_picture(picture: Sequence[Placed], tokens: Sequence[tuple[int, int]], caps: Caps) -> list[Sample]:
    """The samples of one picture, of each subclass as few as the caps allow, in order of first appearance.

    Args:
        tokens: of question and answer of each.

    A question goes into the first prompt of its subclass that has room. One that has more tokens than the
    cap stands alone.
    """
    groups: dict[Subclass, list[_Group]] = {}
    for placed, (asked, answered) in zip(picture, tokens, strict=True):
        open_groups = groups.setdefault(unmerged_only(placed.sample).subclass, [])
        size = asked + answered
        group = next((g for g in open_groups if g.has_room(size, caps)), None)
        if group is None:
            open_groups.append(group := _Group())
        group.add(placed, size)
    return [_merged(group.members) for open_groups in groups.values() for group in open_groups]


def unmerged_only(sample: Sample) -> Sample:
    """The sample; InputError where it is merged already, for merged again it could not be undone."""
    if sample.parts:
        raise InputError(
            f"sample {sample.id!r} is merged already; undo it first: finesight data merge --mode separate"
        )
    return sample


def unmerge(samples: Iterable[Sample]) -> list[Sample]:
    """The samples before they were merged, in the order they had.

    Raises:
        InputError: a sample has lost what is needed to undo it.
    """
    placed = [single for sample in samples for single in unmerge_sample(sample)]
    return [single.sample for single in sorted(placed, key=lambda single: single.place)]


def unmerge_sample(sample: Sample) -> list[Placed]:
    """The samples of which one was merged.

    Raises:
        InputError: it has lost its parts, or its texts no longer go with them.
    """
    if not sample.parts:
        raise InputError(
            f"sample {sample.id!r} has no `parts`: it was never merged, or a program has dropped the field; "
            "merge the original data again"
        )
    try:
        singles = single_samples(sample)
        return [Placed(part.index, single) for part, single in zip(sample.parts, singles, strict=True)]
    except ValueError as error:
        raise InputError(
            f"sample {sample.id!r} no longer goes with its {len(sample.parts)} `parts` ({error}); "
            "merge the original data again"
        ) from error


def unmerge_answers(sample: Sample, completion: str) -> tuple[str | ParseFailure, ...] | ParseFailure:
    """A model's answer to a merged sample as the answers to its questions, for the parser of its subclass.

    An answer that is missing, doubled or unclear is a failure of its own; where the whole cannot be read,
    there is one failure for all.
    """
    if len(sample.parts) < 2:
        return (completion,)
    return split_answers(completion, len(sample.parts))


class _Group:
    """Samples on their way into one prompt."""

    def __init__(self) -> None:
        self.members: list[Placed] = []
        self._tokens = 0

    def has_room(self, tokens: int, caps: Caps) -> bool:
        return len(self.members) < caps.questions and self._tokens + tokens <= caps.tokens

    def add(self, placed: Placed, tokens: int) -> None:
        self.members.append(placed)
        self._tokens += tokens


def _merged(members: Sequence[Placed]) -> Sample:
    first = members[0].sample
    if len(members) == 1:
        return first.model_copy(update={"parts": (Part(id=first.id, index=members[0].place),)})
    singles = [member.sample for member in members]
    return Sample(
        id=f"{first.id}+{len(members) - 1}",
        image=first.image,
        subclass=first.subclass,
        question=merged_question([single.question for single in singles]),
        answer=numbered(single.answer for single in singles),
        source=first.source,
        parts=tuple(_part(member) for member in members),
    )


def _part(placed: Placed) -> Part:
    single = placed.sample
    return Part(
        id=single.id,
        index=placed.place,
        region=single.region,
        concern=single.concern,
        candidates=single.candidates,
        source=single.source,
    )
