from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from finesight.errors import InputError
from finesight.model.bench import answer_bench
from finesight.model.protocol import Completion
from finesight.schema.bench import BenchQuestion
from finesight.schema.sample import Subclass

COUNT = 11


class Echo:
    """Answers with the picture's name and the prompt, and counts what it is asked."""

    name = "echo"

    def __init__(self) -> None:
        self.pictures: Counter[str] = Counter()

    def generate(self, requests):
        self.pictures.update(Path(r.picture.path).name for r in requests)
        return [[Completion(f"{Path(r.picture.path).name}: {p}") for p in r.prompts] for r in requests]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for i in range(COUNT):
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), np.full((8, 8, 3), 20 * i, dtype=np.uint8))
    return tmp_path


def question(number: int, image: str, subclass: Subclass) -> BenchQuestion:
    return BenchQuestion(
        id=number,
        image=image,
        width=8,
        height=8,
        subclass=subclass,
        prompt=f"{subclass} {number}?",
        question="?",
    )


@pytest.fixture
def questions() -> list[BenchQuestion]:
    """All questions of a kind together, as benches have them, so that a picture comes up again and again."""
    kinds = (Subclass.MCQ, Subclass.DIST_DETECT, Subclass.ASSESS, Subclass.MCQ)
    return [
        question(100 * k + i, f"{(i * 7) % COUNT}.png", kind)
        for k, kind in enumerate(kinds)
        for i in range(COUNT)
    ]


def test_answers_come_in_the_order_of_the_questions(folder, questions):
    answered = answer_bench(Echo(), folder, questions)
    assert [q for q, _ in answered] == questions
    assert [text for _, text in answered] == [f"{q.image}: {q.prompt}" for q in questions]


def test_every_picture_is_put_to_the_model_once(folder, questions):
    echo = Echo()
    done: list[int] = []
    answer_bench(echo, folder, questions, done.append)
    assert echo.pictures == {f"{i}.png": 1 for i in range(COUNT)}
    assert sum(done) == COUNT
    assert max(done) <= 8


def test_a_bench_without_questions_needs_no_picture(tmp_path):
    assert answer_bench(Echo(), tmp_path, []) == []


def test_a_picture_that_is_not_there_is_named(folder, questions):
    (folder / "images" / "3.png").unlink()
    with pytest.raises(InputError, match=r"3\.png"):
        answer_bench(Echo(), folder, questions)
