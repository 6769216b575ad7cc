"""A generator's answers to the questions of a bench, each picture seen once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from finesight.data.folder import image_path
from finesight.data.images import load_picture
from finesight.model.protocol import Generator, Request
from finesight.schema.bench import BenchQuestion

PICTURES_AT_A_TIME = 8


def answer_bench(
    generator: Generator,
    folder: Path,
    questions: Sequence[BenchQuestion],
    advance: Callable[[int], None] = lambda pictures: None,
) -> list[tuple[BenchQuestion, str]]:
    """Every question with its answer's text, in the order of the questions.

    Args:
        folder: the bench, with its pictures in images/.
        advance: told how many pictures were done.

    Raises:
        InputError: a picture of the bench that cannot be read.
    """
    texts: dict[BenchQuestion, str] = {}
    for group in _together(questions):
        requests = [
            Request(load_picture(image_path(folder, image)), tuple(q.prompt for q in asked))
            for image, asked in group
        ]
        for (_, asked), completions in zip(group, generator.generate(requests), strict=True):
            texts |= zip(asked, (c.text for c in completions), strict=True)
        advance(len(group))
    return [(question, texts[question]) for question in questions]


def _together(questions: Sequence[BenchQuestion]) -> Iterator[list[tuple[str, list[BenchQuestion]]]]:
    """Pictures with all their questions, some at a time."""
    by_image = groupby(sorted(questions, key=lambda q: q.image), key=lambda q: q.image)
    pictures = iter([(image, list(asked)) for image, asked in by_image])
    while group := list(islice(pictures, PICTURES_AT_A_TIME)):
        yield group
