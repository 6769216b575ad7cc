"""Groups of answers as trees: question and answers hang behind their picture, split where a pass is too small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from finesight.model.tree import Branch


class Lesson(NamedTuple):
    """A question with the answers there is something to learn from.

    picture: its file. question, answers: tokens. advantages: of each answer. drawn: log-probabilities of the
    tokens of each answer, as the engine told them that drew it; empty where it did not.
    """

    picture: Path
    question: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    advantages: tuple[float, ...]
    drawn: tuple[tuple[float, ...], ...]

    def part(self, chosen: slice) -> Lesson:
        """The same with some of its answers."""
        return self._replace(
            answers=self.answers[chosen], advantages=self.advantages[chosen], drawn=self.drawn[chosen]
        )


class Planting(NamedTuple):
    """One tree: a picture and the lessons behind it."""

    picture: Path
    lessons: tuple[Lesson, ...]

    def cost(self, prefix: int) -> int:
        """Its tokens, given those of the prefix."""
        return prefix + sum(len(lesson.question) + sum(map(len, lesson.answers)) for lesson in self.lessons)

    @property
    def branches(self) -> list[Branch]:
        return [Branch.asked(list(le.question), [list(a) for a in le.answers]) for le in self.lessons]

    @property
    def tokens(self) -> list[int]:
        """Tokens of each answer, in the order a layout numbers them."""
        return [len(answer) for lesson in self.lessons for answer in lesson.answers]


def plant(lessons: Sequence[Lesson], prefixes: Mapping[Path, int], limit: int) -> list[Planting]:
    """As few trees as the limit allows, all lessons of a picture behind it.

    Where they are too many tokens together, the picture is planted again for the rest; a group may be split,
    since its advantages are known: the gradient is the same.

    Args:
        prefixes: tokens of the prefix of each picture.
        limit: most tokens of a tree; one answer always fits (see `questions`).
    """
    by_picture: dict[Path, list[Lesson]] = {}
    for lesson in lessons:
        by_picture.setdefault(lesson.picture, []).append(lesson)
    return [
        Planting(picture, tuple(some))
        for picture, behind in by_picture.items()
        for some in _fitting(behind, limit - prefixes[picture])
    ]


def _fitting(lessons: Sequence[Lesson], room: int) -> Iterator[list[Lesson]]:
    """The lessons in order, cut where the next answer would not fit into `room` tokens."""
    tree: list[Lesson] = []
    left = room
    for lesson in lessons:
        first, needed = 0, len(lesson.question)
        for number, answer in enumerate(lesson.answers):
            needed += len(answer)
            if needed > left and (tree or number > first):
                if number > first:
                    tree.append(lesson.part(slice(first, number)))
                yield tree
                tree, left, first = [], room, number
                needed = len(lesson.question) + len(answer)
        if first < len(lesson.answers):
            tree.append(lesson.part(slice(first, None)))
            left -= needed
    if tree:
        yield tree
