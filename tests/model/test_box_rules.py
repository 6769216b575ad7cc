"""Boxes are written with their rules in order, whatever the model would like best."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from finesight.model.box_rules import BoxRules, BoxTokens
from finesight.model.decode import Rules, decode
from finesight.model.draw import likeliest
from finesight.schema.box import SCALE
from finesight.text.grammar import BOX_END, BOX_START, REF_END, REF_START

WORDS = [
    "<|end|>",
    BOX_START,
    BOX_END,
    REF_START,
    REF_END,
    "(",
    ",",
    "),(",
    ")",
    "Ċ",
    "The",
    "Noise",
    "noise",
    "blur",
]
WORDS += map(str, range(SCALE + 1))
VOCABULARY = {word: token for token, word in enumerate(WORDS)}
PLACES = torch.tensor([float(word) if word.isdigit() else -1e6 * (n + 1) for n, word in enumerate(WORDS)])
NUMBER = st.integers(0, SCALE)
BOX = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER)


def mark(name: str, box: tuple[int, int, int, int]) -> list[int]:
    return [VOCABULARY[REF_START], VOCABULARY[name], VOCABULARY[REF_END], *said(box)]


def said(box: tuple[int, int, int, int]) -> list[int]:
    x1, y1, x2, y2 = map(str, box)
    words = [BOX_START, "(", x1, ",", y1, "),(", x2, ",", y2, ")", BOX_END]
    return [VOCABULARY[word] for word in words]


class Wishes:
    """A line that would like to say certain tokens, and of numbers likes the nearest ones next."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = [[*row, 0] for row in rows]
        self.step = 0

    @property
    def logits(self) -> Tensor:
        wished = [row[min(self.step, len(row) - 1)] for row in self.rows]
        return -(PLACES[None] - PLACES[wished][:, None]).abs()

    def write(self, tokens: Tensor) -> None:
        self.step += 1

    def keep(self, rows: Tensor) -> None:
        self.rows = [self.rows[i] for i in rows.tolist()]


def box_rules() -> BoxRules:
    tokens = BoxTokens.of(VOCABULARY)
    assert tokens is not None
    return BoxRules(tokens)


def written(rows: list[list[int]], boxes: BoxRules | None) -> list[list[int]]:
    rules = Rules((), 0, 80, (), boxes)
    done = decode(Wishes(rows), len(rows), lambda logits, _live, _step: likeliest(logits), rules)
    return [list(one.tokens[:-1]) for one in done]


@given(st.lists(st.lists(BOX, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_a_box_that_would_be_turned_over_has_no_extent_instead_and_others_stay(rows):
    wished = [[token for box in boxes for token in said(box)] for boxes in rows]
    kept = [[(a, b, max(a, c), max(b, d)) for a, b, c, d in boxes] for boxes in rows]
    expected = [[token for box in boxes for token in said(box)] for boxes in kept]
    assert written(wished, box_rules()) == expected
    assert written(wished, None) == wished


def test_the_box_of_a_finding_that_is_named_again_is_the_one_that_was_listed():
    break_, the = VOCABULARY["Ċ"], VOCABULARY["The"]
    listed = [*mark("Noise", (10, 20, 300, 400)), break_, *mark("blur", (12, 24, 310, 390)), break_, the]
    near = [*listed, *mark("noise", (12, 23, 305, 399))]
    (kept,) = written([near], box_rules())
    assert kept == [*listed, *mark("noise", (10, 20, 300, 400))]
    (free,) = written([[the, *mark("noise", (12, 23, 305, 399))]], box_rules())
    assert free == [the, *mark("noise", (12, 23, 305, 399))]
    assert written([near], None) == [near]


@given(st.lists(BOX, min_size=1, max_size=4), BOX)
@settings(deadline=None, max_examples=50)
def test_whatever_is_wished_for_a_sentence_names_one_of_the_boxes_of_the_lines(boxes, wished):
    boxes = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes]
    lines = [token for box in boxes for token in (*mark("Noise", box), VOCABULARY["Ċ"])]
    (kept,) = written([[*lines, VOCABULARY["The"], *mark("blur", wished)]], box_rules())
    assert kept[-len(said(wished)) :] in [said(box) for box in boxes]


def test_numbers_outside_a_box_are_free_and_what_is_no_number_is_too():
    words = ["9", "5", "3", BOX_START, "7", "2", BOX_START, "4", "4", "1", "9"]
    rules = box_rules()
    nine = VOCABULARY["9"]
    free = []
    for word in words:
        free.append(not rules.allowed(3, nine))
        assert not rules.allowed(3, VOCABULARY[","])
        rules.enter(3, VOCABULARY[word])
    assert free == [True] * 6 + [False] + [True] * 2 + [False] * 2
    assert not rules.allowed(3, nine)
    assert not rules.allowed(0, nine)


def test_a_vocabulary_that_spells_numbers_in_digits_has_none():
    assert BoxTokens.of({word: i for word, i in VOCABULARY.items() if word != "731"}) is None
    assert BoxTokens.of({word: i for word, i in VOCABULARY.items() if word != BOX_START}) is None


def test_ids_without_a_word_are_no_part_of_a_name():
    rules = box_rules()
    for token in (VOCABULARY[REF_START], len(WORDS) + 7, VOCABULARY[REF_END], VOCABULARY[BOX_START]):
        rules.enter(0, token)
    assert not rules.allowed(0, VOCABULARY["9"])
