"""Laws of merging: nothing is lost, the caps hold, and the same comes out every time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finesight.data.merge.merging import Caps, merge, unmerge, unmerge_answers, unmerge_sample
from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.sample import Sample, Subclass
from finesight.text.grammar import END_TOKENS
from finesight.text.merged import numbered

FORM = [
    "1. ",
    "2. x",
    "12. ",
    "3) y",
    "   ",
    " ",
    "",
    "\t1. ",
    "For each question: z",
    "é猫🐈",
    "a\r",
    "\u2028b",
]
line = st.sampled_from(FORM) | st.text(max_size=12)
text = st.lists(line, max_size=4).map("\n".join)
samples = st.lists(
    st.builds(
        Sample,
        id=st.text(max_size=3),
        image=st.sampled_from(["a.png", "b.png", "猫/1.png"]),
        subclass=st.sampled_from([Subclass.MCQ, Subclass.QA, Subclass.REG_PERCEPTION]),
        question=text,
        answer=text,
        region=st.none() | st.just(Box.of(1, 2, 3, 4)),
        concern=st.none() | st.just("type"),
        candidates=st.lists(text, max_size=2).map(tuple),
        source=st.sampled_from(["", "p", "q"]),
    ),
    max_size=14,
)
caps = st.builds(Caps, questions=st.integers(1, 5), tokens=st.integers(1, 60))


def lengths(texts: list[str]) -> list[int]:
    """A tokenizer of which one knows what it counts."""
    return [len(text) for text in texts]


def size(sample: Sample) -> int:
    return len(sample.question) + len(sample.answer)


def asked(question: str, answer: str = "No.", image: str = "a.png") -> Sample:
    return Sample(id=question, image=image, subclass=Subclass.QA, question=question, answer=answer)


@given(samples, caps, st.randoms(use_true_random=False))
def test_what_was_merged_comes_back_in_its_order_whatever_order_it_is_in(given_samples, given_caps, rng):
    merged = merge(given_samples, lengths, given_caps)
    rng.shuffle(merged)
    assert unmerge(merged) == given_samples


@given(samples, caps)
def test_every_question_is_in_one_prompt_of_its_picture_and_subclass(given_samples, given_caps):
    merged = merge(given_samples, lengths, given_caps)
    assert sorted(part.index for m in merged for part in m.parts) == list(range(len(given_samples)))
    for one in merged:
        singles = [given_samples[part.index] for part in one.parts]
        assert {(s.image, s.subclass) for s in singles} == {(one.image, one.subclass)}


@given(samples, caps)
def test_no_prompt_has_more_than_the_caps_and_what_is_over_them_alone_is_left_as_it_is(
    given_samples, given_caps
):
    for one in merge(given_samples, lengths, given_caps):
        singles = [given_samples[part.index] for part in one.parts]
        if any(size(s) > given_caps.tokens for s in singles):
            assert [one.model_copy(update={"parts": ()})] == singles
        else:
            assert len(singles) <= given_caps.questions
            assert sum(map(size, singles)) <= given_caps.tokens


@given(samples, caps)
def test_a_prompt_is_opened_only_where_none_before_has_room(given_samples, given_caps):
    """So there are never two prompts where one would have done."""
    groups: dict[tuple[str, Subclass], list[list[Sample]]] = {}
    for one in merge(given_samples, lengths, given_caps):
        singles = [given_samples[part.index] for part in one.parts]
        for earlier in groups.setdefault((one.image, one.subclass), []):
            full = len(earlier) == given_caps.questions
            assert full or sum(map(size, earlier)) + size(singles[0]) > given_caps.tokens
        groups[one.image, one.subclass].append(singles)


@given(samples, caps)
def test_merging_is_the_same_each_time_and_after_it_was_undone(given_samples, given_caps):
    merged = merge(given_samples, lengths, given_caps)
    assert merge(given_samples, lengths, given_caps) == merged
    assert merge(unmerge(merged), lengths, given_caps) == merged


@given(samples.filter(bool), caps)
def test_what_is_merged_is_not_merged_again(given_samples, given_caps):
    with pytest.raises(InputError, match="is merged already"):
        merge(merge(given_samples, lengths, given_caps), lengths, given_caps)


# The tokens that end an answer stand in none.
said = text.map(lambda t: t.strip() or "-").filter(lambda t: not any(token in t for token in END_TOKENS))


@given(st.lists(said, min_size=1, max_size=6))
@example(["1. a", "2. b"])
def test_a_model_that_says_the_reference_has_answered_every_question_with_its_own(answers):
    (one,) = merge([asked(f"{i}?", answer) for i, answer in enumerate(answers)], lengths)
    assert unmerge_answers(one, one.answer) == tuple(answers)


def test_repeated_questions_are_all_kept():
    given_samples = [asked("Is it?")] * 3 + [asked("Is it?", "Yes.")]
    (one,) = merge(given_samples, lengths)
    assert len(one.parts) == 4
    assert unmerge([one]) == given_samples


def test_pictures_come_in_the_order_in_which_they_first_appear():
    merged = merge([asked("1", image="b"), asked("2", image="a"), asked("3", image="b")], lengths)
    assert [(m.image, len(m.parts)) for m in merged] == [("b", 2), ("a", 1)]


def test_a_cap_counts_the_texts_of_both_sides():
    given_samples = [asked("1234", "1234")] * 4
    assert Counter(len(m.parts) for m in merge(given_samples, lengths, Caps(tokens=16))) == {2: 2}
    assert Counter(len(m.parts) for m in merge(given_samples, lengths, Caps(tokens=15))) == {1: 4}


@pytest.mark.parametrize(
    "change",
    [
        {"question": "1. a\n2. b"},
        {"answer": "no numbers"},
        {"answer": numbered(["only one"])},
        {"answer": numbered(["one", "two", "three"])},
    ],
)
def test_a_merged_sample_whose_numbering_is_gone_is_refused_by_name(change):
    (one,) = merge([asked("a?"), asked("b?")], lengths)
    with pytest.raises(InputError, match=r"sample 'a\?\+1' no longer goes with its 2 `parts`"):
        unmerge_sample(one.model_copy(update=change))


def test_a_sample_that_was_never_merged_cannot_be_taken_apart():
    with pytest.raises(InputError, match="sample 'a\\?' has no `parts`"):
        unmerge([asked("a?")])
